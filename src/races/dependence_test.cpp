#include "races/dependence.h"

#include <gtest/gtest.h>

namespace engineroom::races {
namespace {

// The loop `for i in prange(n)`, with `for j in range(m)` inside.
class DependenceTest : public testing::Test {
 protected:
  DependenceTest() {
    n_ = same(1);
    m_ = same(1);
    i_ = turn(n_ - 1);
    j_ = turn(m_ - 1);
  }

  // Polynomials with the operators of numbers.
  struct P : Polynomial {
    P(Polynomial p) : Polynomial(std::move(p)) {}
    P(std::int64_t value) : Polynomial(constant(value)) {}
    P(int value) : Polynomial(constant(value)) {}
  };
  friend P operator+(const P& a, const P& b) {
    return static_cast<const Polynomial&>(a) + static_cast<const Polynomial&>(b);
  }
  friend P operator-(const P& a, const P& b) {
    return static_cast<const Polynomial&>(a) - static_cast<const Polynomial&>(b);
  }
  friend P operator*(const P& a, const P& b) {
    return static_cast<const Polynomial&>(a) * static_cast<const Polynomial&>(b);
  }

  P same(std::int64_t low) {
    return Polynomial::of(
        space_.add({SymbolKind::kSame, Polynomial::constant(low), {}, 1, {}, {}}));
  }
  P unknown() { return Polynomial::of(space_.add({SymbolKind::kSame, {}, {}, 1, {}, {}})); }
  P turn(const P& last, std::int64_t step = 1) {
    return Polynomial::of(space_.add({SymbolKind::kTurn, Polynomial(), last, step, {}, {}}));
  }
  P other() { return Polynomial::of(space_.add({})); }
  P remainder(const P& arg, std::int64_t divisor) {
    return Polynomial::of(space_.add({SymbolKind::kOther,
                                      Polynomial(),
                                      Polynomial::constant(divisor - 1),
                                      1,
                                      Fold{arg, divisor, true},
                                      {}}));
  }

  Verdict decided(std::vector<P> one, std::vector<P> two) {
    Question question;
    question.one.assign(one.begin(), one.end());
    question.other.assign(two.begin(), two.end());
    question.loops = *&loops_;
    if (question.loops.empty()) question.loops = {*i_.symbols().begin()};
    return decide(space_, question);
  }
  Verdict decided(const P& one, const P& two) {
    return decided(std::vector<P>{one}, std::vector<P>{two});
  }

  Space space_;
  P n_ = 0;
  P m_ = 0;
  P i_ = 0;
  P j_ = 0;
  std::set<Symbol> loops_;
};

TEST_F(DependenceTest, Neighbours) {
  EXPECT_EQ(decided(i_, i_), Verdict::kApart);
  EXPECT_EQ(decided(i_, i_ - 1), Verdict::kMeet);
  EXPECT_EQ(decided(i_, i_ + 100), Verdict::kMeet);
  EXPECT_EQ(decided(i_ + 1, i_ + 1), Verdict::kApart);
  EXPECT_EQ(decided(n_ - i_, n_ - i_), Verdict::kApart);
  EXPECT_EQ(decided(0, 0), Verdict::kMeet);
  EXPECT_EQ(decided(0, 1), Verdict::kApart);
}

TEST_F(DependenceTest, Strides) {
  EXPECT_EQ(decided(i_ * 2, i_ * 2 + 1), Verdict::kApart);
  EXPECT_EQ(decided(i_ * 2, i_ * 2 + 2), Verdict::kMeet);
  EXPECT_EQ(decided(i_ * 2, i_), Verdict::kMeet);
  EXPECT_EQ(decided(i_ * 4 + 1, i_ * 6), Verdict::kApart);
  EXPECT_EQ(decided(i_ * 4 + 2, i_ * 6), Verdict::kMeet);
}

TEST_F(DependenceTest, StepsOfLoops) {
  i_ = turn(n_ - 1, 2);
  EXPECT_EQ(decided(i_, i_ + 1), Verdict::kApart);
  EXPECT_EQ(decided(i_, i_ + 2), Verdict::kMeet);
}

TEST_F(DependenceTest, HalvesOfAnArray) {
  EXPECT_EQ(decided(i_, i_ + n_), Verdict::kApart);
  EXPECT_EQ(decided(i_, i_ + (n_ - 1)), Verdict::kUndecided);
  i_ = turn(9);
  EXPECT_EQ(decided(i_, i_ + 10), Verdict::kApart);
  EXPECT_EQ(decided(i_, i_ + 9), Verdict::kMeet);
}

TEST_F(DependenceTest, RowsOfAnArray) {
  EXPECT_EQ(decided({i_, j_}, {i_, j_}), Verdict::kApart);
  EXPECT_EQ(decided({j_, i_}, {j_, i_}), Verdict::kApart);
  EXPECT_EQ(decided({i_, j_}, {i_ - 1, j_}), Verdict::kMeet);
  EXPECT_EQ(decided({j_, 0}, {j_, 0}), Verdict::kMeet);
  EXPECT_EQ(decided({j_, 0}, {j_, 1}), Verdict::kApart);
}

TEST_F(DependenceTest, RowsBehindOneAnother) {
  EXPECT_EQ(decided(i_ * m_ + j_, i_ * m_ + j_), Verdict::kApart);
  EXPECT_EQ(decided(i_ * m_ + j_, i_ * m_ + j_ + 1), Verdict::kUndecided);
  EXPECT_EQ(decided(i_ + j_, i_ + j_), Verdict::kMeet);
  const P k = turn(space_.upper(P(4)).value() - Polynomial::constant(1));
  EXPECT_EQ(decided(i_ * 4 + k, i_ * 4 + k), Verdict::kApart);
  EXPECT_EQ(decided(i_ * 3 + k, i_ * 3 + k), Verdict::kMeet);
  EXPECT_EQ(decided(j_ * n_ + i_, j_ * n_ + i_), Verdict::kApart);
  EXPECT_EQ(decided((i_ * m_ + j_) * 4 + k, (i_ * m_ + j_) * 4 + k), Verdict::kApart);
}

TEST_F(DependenceTest, Triangles) {
  const P below = turn(i_ - 1);
  EXPECT_EQ(decided({i_, below}, {i_, below}), Verdict::kApart);
  EXPECT_EQ(decided({i_, below}, {below, i_}), Verdict::kApart);
  EXPECT_EQ(decided({i_, j_}, {j_, i_}), Verdict::kMeet);
  EXPECT_EQ(decided(below, below), Verdict::kMeet);
}

TEST_F(DependenceTest, Folds) {
  const P rest = remainder(i_, 3);
  EXPECT_EQ(decided(rest, rest), Verdict::kMeet);
  EXPECT_EQ(decided(i_ * 3 + rest, i_ * 3 + rest), Verdict::kApart);
  EXPECT_EQ(decided(i_ * 2 + rest, i_ * 2 + rest), Verdict::kMeet);
}

TEST_F(DependenceTest, WhatIsNotKnown) {
  const P index = other();
  EXPECT_EQ(decided(index, index), Verdict::kUndecided);
  EXPECT_EQ(decided({i_, index}, {i_, index}), Verdict::kApart);
  const P k = unknown();
  EXPECT_EQ(decided(i_, i_ + k), Verdict::kUndecided);
  EXPECT_EQ(decided(i_ + k, i_ + k), Verdict::kApart);
  EXPECT_EQ(decided(i_ * k, i_ * k), Verdict::kApart);
  EXPECT_EQ(decided(Polynomial::invalid(), i_), Verdict::kUndecided);
}

TEST_F(DependenceTest, CollapsedLoops) {
  loops_ = {*i_.symbols().begin(), *j_.symbols().begin()};
  EXPECT_EQ(decided({i_, j_}, {i_, j_}), Verdict::kApart);
  EXPECT_EQ(decided(i_ * m_ + j_, i_ * m_ + j_), Verdict::kApart);
  EXPECT_EQ(decided(i_, i_), Verdict::kMeet);
  EXPECT_EQ(decided({i_, j_}, {i_, j_ - 1}), Verdict::kMeet);
}

TEST(Thread, HasItsOwn) {
  Space space;
  const Polynomial thread = Polynomial::of(space.add({SymbolKind::kThread, {}, {}, 1, {}, {}}));
  const Polynomial j = Polynomial::of(
      space.add({SymbolKind::kTurn, Polynomial(), Polynomial::constant(3), 1, {}, {}}));
  const Symbol symbol = *thread.symbols().begin();
  EXPECT_EQ(decide(space, {{thread, j}, {thread, j}, {}, symbol}), Verdict::kApart);
  EXPECT_EQ(decide(space, {{j}, {j}, {}, symbol}), Verdict::kMeet);
}

}  // namespace
}  // namespace engineroom::races
