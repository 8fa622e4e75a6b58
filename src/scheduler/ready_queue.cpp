#include "scheduler/ready_queue.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <string>

#include "scheduler/sanity.h"

namespace engineroom::scheduler {

namespace {

std::size_t hash_of(bool open, const std::vector<EngineSlot>& engines, const Demand& demand) {
  std::uint64_t hash = open ? 0x9e3779b97f4a7c15u : 0xc2b2ae3d27d4eb4fu;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x100000001b3u;
    hash ^= hash >> 29;
  };
  for (EngineSlot engine : engines) mix(index(engine));
  if (demand) {
    for (const Amount& amount : *demand) {
      mix(std::hash<std::string>{}(amount.name));
      mix(static_cast<std::uint64_t>(amount.thousandths));
    }
  }
  return static_cast<std::size_t>(hash);
}

bool is_same(const Demand& a, const Demand& b) { return a == b || (a && b && *a == *b); }

// REQUIRES: `engine` is in the sorted list.
std::size_t position_of(const std::vector<EngineSlot>& engines, EngineSlot engine) {
  const auto found = std::lower_bound(engines.begin(), engines.end(), engine);
  assert(found != engines.end() && *found == engine);
  return static_cast<std::size_t>(found - engines.begin());
}

template <typename T>
void erase_at(std::vector<T>& values, std::size_t position) {
  values.erase(values.begin() + static_cast<std::ptrdiff_t>(position));
}

}  // namespace

ReadyQueues::ReadyQueues(TaskTable& tasks) : tasks_(tasks) {
  const ClassId any = create(true, {}, nullptr, hash_of(true, {}, nullptr));
  assert(any == kAnyEngine);
  retain(any);  // never idle, never freed
}

// ---- engines and classes ---------------------------------------------------------------------

void ReadyQueues::add_engine([[maybe_unused]] EngineSlot engine, Amounts offer) {
  assert(index(engine) == engines_.size());
  for (const auto& cls : classes_) {
    if (cls && cls->open && cls->demand && covers(offer, *cls->demand)) ++cls->offering;
  }
  engines_.emplace_back().offer = std::move(offer);
  ++engine_count_;
}

void ReadyQueues::find_unoffered(std::vector<TaskRef>& stranded) const {
  for (const auto& cls : classes_) {
    if (cls && cls->open && cls->demand && cls->offering == 0) strand(*cls, stranded);
  }
}

void ReadyQueues::remove_engine(EngineSlot engine, std::vector<TaskRef>& stranded) {
  --engine_count_;
  const std::vector<ClassId> members = std::move(engines_[index(engine)].classes);
  for (const auto& cls : classes_) {
    if (cls && cls->open && cls->demand && offers(engine, *cls->demand)) --cls->offering;
  }
  engines_[index(engine)] = {};
  for (ClassId id : members) forget_in(id, engine);
  for (ClassId id : members) {
    if (!at(id).open && at(id).engines.empty()) strand(at(id), stranded);
  }
  // Those whose last engine that was not excluded has just gone.
  for (const auto& cls : classes_) {
    if (cls && cls->open && engine_count_ > 0 && cls->engines.size() == candidates(*cls)) {
      strand(*cls, stranded);
    }
  }
}

// Drops a dead engine, whose own index is already empty, from the class's lists.
void ReadyQueues::forget_in(ClassId id, EngineSlot engine) {
  ConstraintClass& cls = at(id);
  const std::size_t position = position_of(cls.engines, engine);
  erase_at(cls.engines, position);
  erase_at(cls.positions, position);
  if (!cls.open) erase_at(cls.keys, position);
  std::erase(cls.unlisted, engine);
}

void ReadyQueues::strand(const ConstraintClass& cls, std::vector<TaskRef>& stranded) const {
  for (TaskSlot slot : cls.fresh.slots(tasks_)) stranded.push_back(tasks_.ref(slot));
  for (const auto& [order, slot] : cls.late) stranded.push_back(tasks_.ref(slot));
  for (TaskSlot slot : cls.blocked.slots(tasks_)) stranded.push_back(tasks_.ref(slot));
}

ClassId ReadyQueues::any(Demand demand) { return intern(true, {}, std::move(demand)); }

ClassId ReadyQueues::only(std::vector<EngineSlot> engines, Demand demand) {
  assert(!engines.empty());
  return intern(false, std::move(engines), std::move(demand));
}

std::optional<ClassId> ReadyQueues::without(ClassId from, EngineSlot engine) {
  std::vector<EngineSlot> engines = at(from).engines;
  const auto place = std::lower_bound(engines.begin(), engines.end(), engine);
  const bool named = place != engines.end() && *place == engine;
  if (at(from).open) {
    // (A restored task may have run where too little is offered.)
    const bool offered = !at(from).demand || offers(engine, *at(from).demand);
    if (!named && offered) engines.insert(place, engine);
    if (engines.size() == candidates(at(from))) return std::nullopt;
  } else {
    if (named) engines.erase(place);
    if (engines.empty()) return std::nullopt;
  }
  return intern(at(from).open, std::move(engines), at(from).demand);
}

ClassId ReadyQueues::intern(bool open, std::vector<EngineSlot> engines, Demand demand) {
  const std::size_t hash = hash_of(open, engines, demand);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (at(it->second).open != open || at(it->second).engines != engines) continue;
    if (!is_same(at(it->second).demand, demand)) continue;
    retain(it->second);
    return it->second;
  }
  const ClassId id = create(open, std::move(engines), std::move(demand), hash);
  retain(id);
  return id;
}

ClassId ReadyQueues::create(bool open, std::vector<EngineSlot> engines, Demand demand,
                            std::size_t hash) {
  if (free_.empty()) {
    free_.push_back(ClassId{static_cast<std::uint32_t>(classes_.size())});
    classes_.emplace_back();
  }
  const ClassId id = free_.back();
  free_.pop_back();
  by_hash_.emplace(hash, id);
  auto cls = std::make_unique<ConstraintClass>();
  cls->open = open;
  cls->hash = hash;
  if (open && demand) {
    for (const EngineIndex& engine : engines_) cls->offering += covers(engine.offer, *demand);
  }
  cls->demand = std::move(demand);
  for (EngineSlot engine : engines) {
    std::vector<ClassId>& classes = engines_[index(engine)].classes;
    cls->positions.push_back(static_cast<std::uint32_t>(classes.size()));
    classes.push_back(id);
  }
  if (!open) {
    cls->keys.assign(engines.size(), kNever);
    cls->unlisted = engines;
  }
  cls->engines = std::move(engines);
  classes_[index(id)] = std::move(cls);
  return id;
}

void ReadyQueues::release(ClassId id) {
  ConstraintClass& cls = at(id);
  assert(cls.references > 0);
  if (--cls.references > 0 || cls.idle) return;
  cls.idle = true;
  idle_.push_back(id);
  if (idle_.size() <= kIdleClasses) return;
  const ClassId oldest = idle_.front();
  idle_.pop_front();
  at(oldest).idle = false;
  if (at(oldest).references == 0) destroy(oldest);
}

void ReadyQueues::destroy(ClassId id) {
  ConstraintClass& cls = at(id);
  assert(cls.ready() == 0 && cls.blocked.empty());
  for (std::size_t i = 0; i < cls.engines.size(); ++i) {
    if (!cls.open && cls.keys[i] != kNever) unlist(id, cls.engines[i]);
    // The last class of the engine takes the place of this one.
    std::vector<ClassId>& classes = engines_[index(cls.engines[i])].classes;
    const ClassId moved = classes.back();
    classes[cls.positions[i]] = moved;
    at(moved).positions[position_of(at(moved).engines, cls.engines[i])] = cls.positions[i];
    classes.pop_back();
  }
  const auto [first, last] = by_hash_.equal_range(cls.hash);
  by_hash_.erase(std::find_if(first, last, [id](const auto& entry) { return entry.second == id; }));
  classes_[index(id)].reset();
  free_.push_back(id);
}

bool ReadyQueues::allows(ClassId id, EngineSlot engine) const {
  const ConstraintClass& cls = at(id);
  if (cls.open && cls.demand && !offers(engine, *cls.demand)) return false;
  return std::binary_search(cls.engines.begin(), cls.engines.end(), engine) != cls.open;
}

std::size_t ReadyQueues::allowed_count(ClassId id) const {
  const ConstraintClass& cls = at(id);
  return cls.open ? candidates(cls) - cls.engines.size() : cls.engines.size();
}

bool ReadyQueues::is_runnable(ClassId id) const {
  const ConstraintClass& cls = at(id);
  if (!cls.open) return !cls.engines.empty();
  return engine_count_ == 0 || cls.engines.size() < candidates(cls);
}

bool ReadyQueues::is_last(ClassId id, EngineSlot engine) const {
  if (!allows(id, engine) || allowed_count(id) > 1) return false;
  // An open class waits where there is no engine at all.
  return !at(id).open || engine_count_ > 1;
}

Scheduler::Backlog ReadyQueues::backlog(const std::function<bool(const Amounts&)>& accepts) const {
  Scheduler::Backlog backlog{.waiting = open_ready_count_};
  for (const auto& cls : classes_) {
    if (!cls || !cls->open || !cls->demand || !accepts(*cls->demand)) continue;
    backlog.waiting += cls->ready();
    if (cls->offering == 0) backlog.unoffered += cls->ready();
  }
  return backlog;
}

std::size_t ReadyQueues::share(ClassId id) const {
  const ConstraintClass& cls = at(id);
  const std::size_t tasks = cls.open ? open_ready_count_ : cls.ready();
  const std::size_t engines = cls.open ? engine_count_ : cls.engines.size();
  return engines == 0 ? 0 : tasks / engines;
}

// ---- tasks -----------------------------------------------------------------------------------

ReadyQueues::Head ReadyQueues::head(const ConstraintClass& cls) const {
  Head head{kNever, kNoTask};
  if (!cls.fresh.empty()) head = {tasks_[cls.fresh.front()].order, cls.fresh.front()};
  if (!cls.late.empty()) head = std::min(head, *cls.late.begin());
  return head;
}

void ReadyQueues::push(TaskSlot slot) {
  Task& task = tasks_[slot];
  assert(task.is<Placing>());
  ConstraintClass& cls = at(task.cls);
  const Order before = head(cls).first;
  const bool late = !cls.fresh.empty() && task.order < tasks_[cls.fresh.back()].order;
  task.state = Ready{.late = late};
  if (late) {
    cls.late.emplace(task.order, slot);
  } else {
    cls.fresh.push_back(tasks_, slot);
  }
  ++ready_count_;
  if (cls.demand) {
    ++demanding_count_;
    if (before == kNever) ++demanding_classes_;
  } else if (cls.open) {
    ++open_ready_count_;
  }
  const Order now = head(cls).first;
  if (now < before) head_became_older(task.cls, before, now);
}

void ReadyQueues::remove(TaskSlot slot) {
  Task& task = tasks_[slot];
  ConstraintClass& cls = at(task.cls);
  const Order before = head(cls).first;
  if (std::get<Ready>(task.state).late) {
    cls.late.erase({task.order, slot});
  } else {
    cls.fresh.remove(tasks_, slot);
  }
  task.state = Placing{};
  --ready_count_;
  if (cls.demand) {
    --demanding_count_;
    if (demanding_classes_ > 1) reservations_changed_ = true;
    if (cls.ready() == 0) --demanding_classes_;
  }
  if (!cls.open) return;  // the engines find out when they look
  if (!cls.demand) --open_ready_count_;
  const Order now = head(cls).first;
  if (task.cls == kAnyEngine || now == before) return;
  Heads& heads = open_heads_.of(cls);
  heads.erase({before, task.cls});
  if (now != kNever) heads.emplace(now, task.cls);
}

void ReadyQueues::block(TaskSlot slot) {
  Task& task = tasks_[slot];
  assert(task.is<Placing>());
  task.state = Blocked{};
  at(task.cls).blocked.push_back(tasks_, slot);
  ++blocked_count_;
}

void ReadyQueues::unblock(TaskSlot slot) {
  Task& task = tasks_[slot];
  assert(task.is<Blocked>());
  at(task.cls).blocked.remove(tasks_, slot);
  task.state = Placing{};
  --blocked_count_;
}

// ---- who takes which -------------------------------------------------------------------------

// A key that is too late would hide the class behind younger ones, so here all keys are corrected.
void ReadyQueues::head_became_older(ClassId id, Order before, Order now) {
  ConstraintClass& cls = at(id);
  if (cls.open) {
    if (id == kAnyEngine) return;
    if (before != kNever) open_heads_.of(cls).erase({before, id});
    open_heads_.of(cls).emplace(now, id);
    return;
  }
  if (now < cls.highest_key) {
    for (std::size_t i = 0; i < cls.engines.size(); ++i) {
      if (cls.keys[i] == kNever || cls.keys[i] <= now) continue;
      unlist(id, cls.engines[i]);
      list(id, cls.engines[i], now);
    }
    cls.highest_key = now;
  }
  for (EngineSlot engine : cls.unlisted) list(id, engine, now);
  cls.unlisted.clear();
}

void ReadyQueues::list(ClassId id, EngineSlot engine, Order key) {
  ConstraintClass& cls = at(id);
  cls.keys[position_of(cls.engines, engine)] = key;
  cls.highest_key = std::max(cls.highest_key, key);
  engines_[index(engine)].heads.of(cls).emplace(key, id);
}

void ReadyQueues::unlist(ClassId id, EngineSlot engine) {
  Order& key = at(id).keys[position_of(at(id).engines, engine)];
  engines_[index(engine)].heads.of(at(id)).erase({key, id});
  key = kNever;
}

std::optional<TaskSlot> ReadyQueues::oldest_for(EngineSlot engine, std::size_t min_share) {
  Head oldest{kNever, kNoTask};
  if (open_ready_count_ > 0 && share(kAnyEngine) >= min_share) {
    oldest = oldest_open(engine, open_heads_.plain, head(at(kAnyEngine)));
  }
  Heads& closed = engines_[index(engine)].heads.plain;
  if (!closed.empty()) {
    const Head other = oldest_closed(engine, closed);
    if (other < oldest && share(tasks_[other.second].cls) >= min_share) oldest = other;
  }
  if (oldest.second == kNoTask) return std::nullopt;
  return oldest.second;
}

std::optional<TaskSlot> ReadyQueues::oldest_demanding_for(EngineSlot engine) {
  if (demanding_count_ == 0) return std::nullopt;
  Head oldest = oldest_open(engine, open_heads_.demanding, {kNever, kNoTask});
  Heads& closed = engines_[index(engine)].heads.demanding;
  if (!closed.empty()) oldest = std::min(oldest, oldest_closed(engine, closed));
  if (oldest.second == kNoTask) return std::nullopt;
  return oldest.second;
}

// Or `oldest`, if that is older than all of these.
ReadyQueues::Head ReadyQueues::oldest_open(EngineSlot engine, const Heads& heads,
                                           Head oldest) const {
  for (const auto& [order, id] : heads) {
    if (order > oldest.first) break;
    if (allows(id, engine)) return head(at(id));
  }
  return oldest;
}

ReadyQueues::Head ReadyQueues::oldest_closed(EngineSlot engine, Heads& heads) {
  while (!heads.empty()) {
    const auto [key, id] = *heads.begin();
    ConstraintClass& cls = at(id);
    const Head oldest = head(cls);
    if (oldest.first == key) return oldest;
    unlist(id, engine);
    if (oldest.first == kNever) {
      cls.unlisted.push_back(engine);
    } else {
      list(id, engine, oldest.first);
    }
  }
  return {kNever, kNoTask};
}

void ReadyQueues::sanity_check() const {
  std::size_t ready = 0;
  std::size_t open_ready = 0;
  std::size_t demanding = 0;
  std::size_t demanding_classes = 0;
  std::size_t blocked = 0;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    if (!classes_[i]) continue;
    const ConstraintClass& cls = *classes_[i];
    const ClassId id{static_cast<std::uint32_t>(i)};
    ready += cls.ready();
    blocked += cls.blocked.size();
    if (cls.open && !cls.demand) open_ready += cls.ready();
    if (cls.demand) demanding += cls.ready();
    if (cls.demand && cls.ready() > 0) ++demanding_classes;
    if (cls.open && cls.demand) {
      std::size_t offering = 0;
      for (const EngineIndex& engine : engines_) offering += covers(engine.offer, *cls.demand);
      SANITY(cls.offering == offering && cls.engines.size() <= offering);
    }
    const Order oldest = head(cls).first;

    SANITY(std::is_sorted(cls.engines.begin(), cls.engines.end()));
    SANITY(cls.positions.size() == cls.engines.size());
    for (std::size_t k = 0; k < cls.engines.size(); ++k) {
      const EngineIndex& engine = engines_[index(cls.engines[k])];
      SANITY(engine.classes[cls.positions[k]] == id);
      if (cls.open) continue;
      const bool listed = cls.keys[k] != kNever;
      SANITY(listed == engine.heads.of(cls).contains({cls.keys[k], id}));
      SANITY(listed || std::count(cls.unlisted.begin(), cls.unlisted.end(), cls.engines[k]) == 1);
      SANITY(!listed || cls.keys[k] <= cls.highest_key);
      SANITY(oldest == kNever || cls.keys[k] <= oldest);
    }
    if (cls.open && id != kAnyEngine) {
      SANITY((oldest != kNever) == open_heads_.of(cls).contains({oldest, id}));
    }
    Order last;
    for (TaskSlot slot : cls.fresh.slots(tasks_)) {
      SANITY(tasks_[slot].is<Ready>() && tasks_[slot].cls == id && tasks_[slot].order > last);
      last = tasks_[slot].order;
    }
    for (const auto& [order, slot] : cls.late) {
      SANITY(tasks_[slot].is<Ready>() && tasks_[slot].cls == id && tasks_[slot].order == order);
    }
    for (TaskSlot slot : cls.blocked.slots(tasks_)) {
      SANITY(tasks_[slot].is<Blocked>() && tasks_[slot].cls == id);
    }
  }
  SANITY(ready == ready_count_ && open_ready == open_ready_count_ && blocked == blocked_count_);
  SANITY(demanding == demanding_count_ && demanding_classes == demanding_classes_);
}

}  // namespace engineroom::scheduler
