// What the text looks like. What it does is tested in Python, where it can run.
#include "emit/emit.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tree/tree_builder.h"
#include "tree/verify.h"

namespace engineroom::emit {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tree::ExprPtr;
using tree::Fail;
using tree::StmtPtr;
using tree::Type;
using tree::Variable;
using tree::builder::assign;
using tree::builder::binary;
using tree::builder::block;
using tree::builder::FunctionBuilder;
using tree::builder::give_back;
using tree::builder::helper;
using tree::builder::list;
using tree::builder::literal;
using tree::builder::run;
using tree::builder::typed;
using tree::builder::variable;

class EmitTest : public ::testing::Test {
 protected:
  EmitTest() { sources_.add("cell.pyx", "first line\nsecond line\nthird line\n"); }

  // The statements of `f`, without what is around them in every function.
  std::string body(FunctionBuilder& f, tree::Block statements) {
    f.function().body = std::move(statements);
    EXPECT_THAT(tree::verify(module_), IsEmpty());
    const std::string text = emit(module_, sources_, {.line_directives = false}).text;
    const std::string start = "static PyObject* f1(PyObject*, PyObject* const* er_args) {\n";
    const std::size_t begin = text.find(start) + start.size();
    return text.substr(begin, text.find("\n}\n", begin) + 1 - begin);
  }

  const Type* object() { return module_.types.object(); }
  const Type* int_type() { return module_.types.int_type(); }
  ExprPtr integer(const std::string& text) { return literal(int_type(), text); }
  ExprPtr to_object(ExprPtr value) {
    return helper("er::to_object", object(), Fail::kNull, std::move(value));
  }
  ExprPtr from_object(ExprPtr value) {
    return helper("er::from_object<int>", int_type(), Fail::kFalse, std::move(value));
  }

  syntax::Sources sources_;
  tree::Module module_;
  FunctionBuilder f_{module_};
};

TEST_F(EmitTest, Square) {
  Variable* x = f_.parameter("x", object());
  EXPECT_EQ(body(f_, block(give_back(
                         helper("er::multiply", object(), Fail::kNull, variable(x), variable(x))))),
            R"(  int er_at = 0;
  PyObject* x = er_args[0];
  if (PyObject* er_object = er::multiply(x, x)) return er_object;
  er_at = 1; goto fail;
fail:
  er::add_traceback("f", er_file, er_at, er_globals);
  return nullptr;
)");
}

TEST_F(EmitTest, TypedLoop) {
  Variable* n = f_.parameter("n", int_type());
  Variable* s = f_.local("s", int_type());
  Variable* i = f_.local("i", int_type());
  auto loop = std::make_unique<tree::CountLoop>();
  loop->variable = i;
  loop->counter = int_type();
  loop->start = integer("0");
  loop->stop = variable(n);
  loop->body.push_back(assign(variable(s), binary(int_type(), "+", variable(s), variable(i))));
  EXPECT_EQ(body(f_, block(std::move(loop), give_back(to_object(variable(s))))),
            R"(  int er_at = 0;
  int n = 0;
  int s = 0;
  int i = 0;
  if (!er::from_object<int>(er_args[0], &n)) { er_at = 1; goto fail; }
  for (int i1 = 0, n1 = n; i1 < n1; ++i1) {
    i = i1;
    s = s + i;
  }
  if (PyObject* er_object = er::to_object(s)) return er_object;
  er_at = 1; goto fail;
fail:
  er::add_traceback("f", er_file, er_at, er_globals);
  return nullptr;
)");
}

TEST_F(EmitTest, SlicesBorrowWhatTheyArePartOf) {
  const tree::Axis strided;
  const Type* matrix = module_.types.view_of(module_.types.double_type(), {strided, strided});
  const Type* row = module_.types.view_of(module_.types.double_type(), {strided});
  Variable* a = f_.parameter("a", matrix);
  Variable* b = f_.local("b", row);
  auto slice = typed<tree::ViewSlice>(row);
  slice->value = variable(a);
  slice->wraps = false;
  slice->parts.resize(2);
  slice->parts[0].kind = tree::ViewSlice::Part::Kind::kIndex;
  slice->parts[0].start = integer("1");
  EXPECT_EQ(body(f_, block(assign(variable(b), std::move(slice)))), R"(  int er_at = 0;
  er::ViewRef<er::View<1>> b;
  er::ViewRef<er::View<2>> a;
  if (!er::view_from_object<er::View<2>>(er_args[0], &a, er_view_0)) { er_at = 1; goto fail; }
  {
    er::View<1> t1;
    t1.memory = a.memory;
    t1.data = a.data;
    if (er::is_outside(1, a.shape[0])) { er::raise_index_out_of_bounds(0); er_at = 1; goto fail; }
    t1.data += 1 * a.strides[0];
    er::take_axis(t1, 0, a, 1);
    b.borrow(t1);
  }
  return er::new_ref(Py_None);
fail:
  er::add_traceback("f", er_file, er_at, er_globals);
  return nullptr;
)");
}

TEST_F(EmitTest, StepsThatMayLeaveTheTypeAreCounted) {
  Variable* i = f_.local("i", int_type());
  Variable* k = f_.local("k", int_type());
  auto loop = std::make_unique<tree::CountLoop>();
  loop->variable = i;
  loop->counter = int_type();
  loop->start = integer("0");
  loop->stop = variable(k);
  loop->step = variable(k);
  loop->step_sign = 0;
  const std::string text = body(f_, block(std::move(loop)));
  EXPECT_THAT(text, HasSubstr("if (t1 == 0) {"));
  EXPECT_THAT(text, HasSubstr("for (auto n2 = er::n_turns<int>(i2, k, t1); n2 > 0; "
                              "--n2, i2 = er::step_by<int>(i2, t1)) {"));
}

TEST_F(EmitTest, AnOperandIsKeptIfALaterOneChangesIt) {
  Variable* x = f_.local("x", int_type());
  auto walrus = typed<tree::AssignmentExpr>(int_type());
  walrus->target = x;
  walrus->value = integer("5");
  const std::string text =
      body(f_, block(assign(variable(x), binary(int_type(), "+", variable(x), std::move(walrus)))));
  EXPECT_THAT(text, HasSubstr("    int t1 = x;\n"
                              "    x = 5;\n"
                              "    x = t1 + x;\n"));
}

TEST_F(EmitTest, AnOperandStaysNestedIfALaterOneOnlyReads) {
  Variable* x = f_.parameter("x", object());
  Variable* n = f_.local("n", int_type());
  const std::string text = body(
      f_,
      block(assign(variable(n), binary(int_type(), "*", variable(n), from_object(variable(x))))));
  EXPECT_THAT(text, HasSubstr("    int t1;\n"
                              "    if (!er::from_object<int>(x, &t1)) { er_at = 1; goto fail; }\n"
                              "    n = n * t1;\n"));
}

TEST_F(EmitTest, ParenthesesAreThereWhereTheyAreNeeded) {
  Variable* n = f_.local("n", int_type());
  const auto v = [&] { return variable(n); };
  const auto op = [&](const char* o, ExprPtr a, ExprPtr b) {
    return binary(int_type(), o, std::move(a), std::move(b));
  };
  EXPECT_THAT(body(f_, block(assign(v(), op("-", v(), op("-", v(), op("*", v(), v())))))),
              HasSubstr("  n = n - (n - n * n);\n"));
  EXPECT_THAT(body(f_, block(assign(v(), op("*", op("+", v(), v()), op("&", v(), v()))))),
              HasSubstr("  n = (n + n) * (n & n);\n"));
}

TEST_F(EmitTest, DeepExpressionsAreCutIntoPieces) {
#if defined(__SANITIZE_ADDRESS__)
  constexpr int kDepth = 500;  // its frames are several times as large
#else
  constexpr int kDepth = 2000;  // what the parser lets through
#endif
  Variable* n = f_.local("n", int_type());
  ExprPtr deep = variable(n);
  for (int i = 0; i < kDepth; ++i) deep = binary(int_type(), "-", variable(n), std::move(deep));
  EXPECT_THAT(body(f_, block(assign(variable(n), std::move(deep)))),
              Not(HasSubstr(std::string(30, ')'))));
}

TEST_F(EmitTest, ANewObjectIsTaken) {
  Variable* x = f_.parameter("x", object());
  const auto op = [&](const char* name, ExprPtr a, ExprPtr b) {
    return helper(name, object(), Fail::kNull, std::move(a), std::move(b));
  };
  const auto square = [&] { return op("er::multiply", variable(x), variable(x)); };
  EXPECT_THAT(body(f_, block(give_back(op("er::add", square(), variable(x))))),
              HasSubstr("er::add(er::Taken{er::multiply(x, x)}, x)"));
  // The second must not run after the first has failed.
  EXPECT_THAT(
      body(f_, block(give_back(op("er::add", square(), square())))),
      HasSubstr("    er::Ref t1{er::multiply(x, x)};\n"
                "    if (!t1) { er_at = 1; goto fail; }\n"
                "    if (PyObject* er_object = er::add(t1, er::Taken{er::multiply(x, x)}))"));
  // A pointer into an object must not outlive it.
  EXPECT_THAT(body(f_, block(run(helper("er::from_object<char*>",
                                        module_.types.pointer_to(module_.types.char_type()),
                                        Fail::kFalse, square())))),
              Not(HasSubstr("er::Taken")));
}

TEST_F(EmitTest, AVariableWithoutAValueIsFoundBeforeAnObjectIsTaken) {
  Variable* x = f_.parameter("x", object());
  Variable* y = f_.local("y", object());
  auto sum = helper("er::add", object(), Fail::kNull,
                    helper("er::call", object(), Fail::kNull, variable(x)), variable(y, true));
  EXPECT_THAT(body(f_, block(give_back(std::move(sum)))), HasSubstr(R"(
    er::Ref t1{er::call(x)};
    if (!t1) { er_at = 1; goto fail; }
    if (!y) { er::raise_unbound_local("y"); er_at = 1; goto fail; }
    if (PyObject* er_object = er::add(t1, y)) return er_object;
)"));
}

TEST_F(EmitTest, TakenObjectsNestOnlySoDeep) {
  Variable* x = f_.parameter("x", object());
  ExprPtr deep = variable(x);
  for (int i = 0; i < 500; ++i)
    deep = helper("er::add", object(), Fail::kNull, std::move(deep), variable(x));
  EXPECT_THAT(body(f_, block(give_back(std::move(deep)))), Not(HasSubstr(std::string(20, '}'))));
}

TEST_F(EmitTest, AConditionLeavesNoObjectsBehind) {
  Variable* x = f_.parameter("x", object());
  auto stmt = std::make_unique<tree::If>();
  stmt->test = helper("er::truth", module_.types.bint(), Fail::kMinusOne,
                      helper("er::call", object(), Fail::kNull, variable(x),
                             helper("er::call", object(), Fail::kNull, variable(x))));
  stmt->body.push_back(run(helper("er::call", object(), Fail::kNull, variable(x))));
  EXPECT_THAT(body(f_, block(std::move(stmt))), HasSubstr(R"(  {
    int t3;
    {
      er::Ref t1{er::call(x)};
      if (!t1) { er_at = 1; goto fail; }
      int t2 = er::truth(er::Taken{er::call(x, {t1})});
      if (t2 < 0) { er_at = 1; goto fail; }
      t3 = t2;
    }
    if (t3) {
      if (!er::Ref(er::call(x))) { er_at = 1; goto fail; }
    }
  }
)"));
}

TEST_F(EmitTest, AValueIsCheckedOnce) {
  Variable* x = f_.local("x", object());
  auto call = [&] { return run(helper("er::call", object(), Fail::kNull, variable(x, true))); };
  EXPECT_THAT(body(f_, block(call(), call())), HasSubstr(R"(
  if (!x) { er::raise_unbound_local("x"); er_at = 1; goto fail; }
  if (!er::Ref(er::call(x))) { er_at = 1; goto fail; }
  if (!er::Ref(er::call(x))) { er_at = 1; goto fail; }
)"));
}

TEST_F(EmitTest, AValueOfOneBranchIsCheckedAfterwards) {
  Variable* x = f_.local("x", object());
  Variable* n = f_.parameter("n", int_type());
  auto stmt = std::make_unique<tree::If>();
  stmt->test = variable(n);
  stmt->body.push_back(assign(variable(x), literal(object(), "Py_None")));
  const std::string text = body(f_, block(std::move(stmt), give_back(variable(x, true))));
  EXPECT_THAT(text, HasSubstr("if (!x) { er::raise_unbound_local"));
  EXPECT_THAT(text, HasSubstr("  return x.release();\n"));
}

TEST_F(EmitTest, TemporariesAreEmptiedAfterTheirLastUse) {
  Variable* x = f_.parameter("x", object());
  Variable* k = f_.temporary("k", object());
  const auto call = [&](Variable* v) {
    return run(helper("er::call", object(), Fail::kNull, variable(v)));
  };
  EXPECT_THAT(body(f_, block(assign(variable(k), variable(x)), call(k), call(x))), HasSubstr(R"(
  k.borrow(x);
  if (!er::Ref(er::call(k))) { er_at = 1; goto fail; }
  k.reset();
  if (!er::Ref(er::call(x))) { er_at = 1; goto fail; }
)"));
}

TEST_F(EmitTest, LoopsOverObjects) {
  Variable* x = f_.parameter("x", object());
  Variable* y = f_.local("y", object());
  auto loop = std::make_unique<tree::Iterate>();
  loop->iterable = variable(x);
  loop->item = y;
  EXPECT_THAT(body(f_, block(std::move(loop))), HasSubstr(R"(  {
    er::Iterator it1;
    if (!it1.start(x)) { er_at = 1; goto fail; }
    int more1;
    while ((more1 = it1.next(y)) > 0) {
    }
    if (more1 < 0) { er_at = 1; goto fail; }
  }
)"));
}

// Compilers repeat the bodies of loops that count by themselves.
TEST_F(EmitTest, TightLoopsAreUnrolled) {
  Variable* n = f_.parameter("n", int_type());
  Variable* x = f_.parameter("x", object());
  const auto loop = [&](StmtPtr last) {
    auto stmt = std::make_unique<tree::While>();
    stmt->test = binary(module_.types.bint(), "<", variable(n), integer("9"));
    stmt->body.push_back(assign(variable(n), binary(int_type(), "+", variable(n), variable(n))));
    stmt->body.push_back(std::move(last));
    return stmt;
  };
  const std::string text = body(
      f_, block(loop(assign(variable(n), binary(int_type(), "-", variable(n), integer("1")))),
                loop(run(helper("er::call", object(), Fail::kNull, variable(x)))),
                loop(assign(variable(n), binary(int_type(), "/", variable(n), integer("3"))))));
  EXPECT_THAT(text, HasSubstr(R"(
  ER_UNROLL
  while (n < 9) {
    n = n + n;
    n = n - 1;
  }
)"));
  EXPECT_EQ(text.find("ER_UNROLL"), text.rfind("ER_UNROLL"));
}

TEST_F(EmitTest, ReturnPassesFinally) {
  Variable* x = f_.parameter("x", object());
  auto stmt = std::make_unique<tree::Finally>();
  stmt->body.push_back(give_back(variable(x)));
  stmt->cleanup.push_back(run(helper("er::call", object(), Fail::kNull, variable(x))));
  EXPECT_THAT(body(f_, block(std::move(stmt))), HasSubstr(R"(  {
    int why1 = 0;
    {
      er_result = er::borrow(x);
      why1 = 2;
      goto finally1;
    }
    finally1:;
    if (!er::Ref(er::call(x))) { er_at = 1; goto fail; }
    if (why1 == 2) {
      return er_result.release();
    }
  }
)"));
}

TEST_F(EmitTest, AHandlerThatDoesNotMatchRaisesAgain) {
  Variable* x = f_.parameter("x", object());
  auto stmt = std::make_unique<tree::Try>();
  stmt->body.push_back(run(helper("er::call", object(), Fail::kNull, variable(x))));
  tree::Handler handler;
  handler.matches = helper("er::exception_matches", module_.types.bint(), Fail::kMinusOne,
                           literal(object(), "PyExc_KeyError"));
  handler.body.push_back(give_back(variable(x)));
  stmt->handlers.push_back(std::move(handler));
  EXPECT_THAT(body(f_, block(std::move(stmt))), HasSubstr(R"(  {
    er::Handler handler1;
    {
      if (!er::Ref(er::call(x))) { er_at = 1; goto catch1; }
    }
    goto end1;
    catch1:
    handler1.enter("f", er_file, er_at, er_globals);
    {
      int t2 = er::exception_matches(PyExc_KeyError);
      if (t2 < 0) { er_at = 1; goto fail; }
      if (t2) {
        return er::new_ref(x);
      }
    }
    handler1.reraise();
    { er_at = 0; goto fail; }
  }
  end1:;
)"));
}

TEST_F(EmitTest, CFunctionsFailByTheirClause) {
  tree::TypeTable& types = module_.types;
  FunctionBuilder g(module_);
  g.function().kind = tree::FunctionKind::kCdef;
  g.function().cpp = "g";
  g.function().type = types.function(types.double_type(), {{"x", types.double_type(), false}},
                                     false, tree::Except::kMaybeValue, "-1", false);
  Variable* x = g.local("x", types.double_type());
  x->kind = tree::VariableKind::kParameter;
  g.function().c_parameters = {x};
  g.function().body.push_back(give_back(variable(x)));

  auto call = typed<tree::Call>(types.double_type());
  auto name = typed<tree::FunctionName>(g.function().type);
  name->cpp = "g";
  call->callee = std::move(name);
  call->args.push_back(literal(types.double_type(), "2.0"));
  EXPECT_THAT(body(f_, block(run(std::move(call)))), HasSubstr(R"(
    double t1 = g(2.0);
    if (er::same<double>(t1, -1) && PyErr_Occurred()) { er_at = 1; goto fail; }
)"));
  const Unit unit = emit(module_, sources_);
  EXPECT_THAT(unit.text, HasSubstr("double g(double x) {\n  return x;\n}\n"));
  ASSERT_EQ(unit.declarations.size(), 1U);
  EXPECT_EQ(unit.declarations[0].text, "double g(double);\n");
}

TEST_F(EmitTest, LinesOfTheSource) {
  Variable* x = f_.parameter("x", object());
  StmtPtr second = run(helper("er::call", object(), Fail::kNull, variable(x)));
  second->range = {syntax::SourceId{}, 11, 17};
  f_.function().body.push_back(std::move(second));
  const Unit unit = emit(module_, sources_, {.id = "7"});
  EXPECT_EQ(unit.entry, "er_exec_7");
  EXPECT_THAT(unit.text, HasSubstr("#line 2 \"cell.pyx\"\n"
                                   "  if (!er::Ref(er::call(x))) { er_at = 2; goto fail; }\n"));
  const auto n_lines =
      static_cast<std::size_t>(std::count(unit.text.begin(), unit.text.end(), '\n'));
  EXPECT_EQ(unit.lines.size(), n_lines);
}

TEST_F(EmitTest, ConstantsAndSpecs) {
  module_.constants = {{tree::ConstantKind::kStr, "name", 0, {}},
                       {tree::ConstantKind::kStr, "two words\n", 0, {}},
                       {tree::ConstantKind::kFloat, "", 0.5, {}},
                       {tree::ConstantKind::kTuple, "", 0, {0, 2}}};
  f_.parameter("x", object());
  f_.function().has_doc = true;
  f_.function().doc = "What it \"does\".";
  const std::string text = emit(module_, sources_).text;
  EXPECT_THAT(text, HasSubstr("static const int er_items_3[] = {0, 2};\n"
                              "static const er::ConstantSpec er_constant_specs[] = {\n"
                              "  {er::ConstantKind::kName, \"name\", 4},\n"
                              "  {er::ConstantKind::kStr, \"two words\\n\", 10},\n"
                              "  {er::ConstantKind::kFloat, nullptr, 0, 0.5},\n"
                              "  {er::ConstantKind::kTuple, nullptr, 2, 0, er_items_3},\n"
                              "};\n"));
  EXPECT_THAT(text, HasSubstr("er_spec_f1 = {\"f\", \"f\", \"What it \\\"does\\\".\", f1, "
                              "er_names_f1, 0, 1, 0, false, false, er_file, 1};"));
}

// ---- parallel loops ----

TEST_F(EmitTest, ParallelLoop) {
  Variable* n = f_.local("n", int_type());
  Variable* i = f_.local("i", int_type());
  Variable* last = f_.local("last", int_type());
  Variable* high = f_.local("high", module_.types.double_type());
  Variable* all = f_.local("all", module_.types.bint());
  auto loop = std::make_unique<tree::ParallelLoop>();
  loop->variable = i;
  loop->counter = int_type();
  loop->start = integer("0");
  loop->stop = variable(n);
  loop->schedule = tree::Schedule::kStatic;
  loop->privates = {{last, {}}};
  loop->reductions = {{high, "max", {}}, {all, "&&", {}}};
  loop->body = block(assign(variable(last), variable(i)));
  EXPECT_EQ(body(f_, block(std::move(loop), run(variable(last)))),
            "  int n = 0;\n"
            "  int last = 0;\n"
            "  double high = 0;\n"
            "  int all = 0;\n"
            "  {\n"
            "    int t1 = n;\n"
            "    #pragma omp declare reduction(er_reduce3 : double : omp_out = omp_in > omp_out ? "
            "omp_in : omp_out) initializer(omp_priv = omp_orig)\n"
            "    const er::Turns<int> n2 = er::n_turns<int>(0, t1, 1);\n"
            "    if (n2 > 0)\n"
            "    #pragma omp parallel for reduction(er_reduce3 : high) reduction(&& : all) "
            "lastprivate(last) schedule(static)\n"
            "    for (er::Turns<int> k2 = 0; k2 < n2; ++k2) {\n"
            "      int i = 0;\n"
            "      i = (int)k2;\n"
            "      {\n"
            "        last = i;\n"
            "      }\n"
            "    }\n"
            "  }\n"
            "  return er::new_ref(Py_None);\n");
}

// What fails in a thread is raised after the region.
TEST_F(EmitTest, ParallelLoopThatFails) {
  Variable* i = f_.local("i", int_type());
  auto loop = std::make_unique<tree::ParallelLoop>();
  loop->variable = i;
  loop->counter = int_type();
  loop->start = integer("0");
  loop->stop = integer("9");
  loop->body = block(run(helper("er::work", int_type(), Fail::kMinusOne, variable(i))));
  const std::string text = body(f_, block(std::move(loop)));
  EXPECT_THAT(text, HasSubstr("    #pragma omp parallel\n"
                              "    {\n"
                              "      const er::RegionThread thread1(false);\n"
                              "      #pragma omp for nowait\n"));
  EXPECT_THAT(text, HasSubstr("        if (leave1.skips(k1)) continue;\n"
                              "        int er_at = 0;\n"));
  EXPECT_THAT(text, HasSubstr("{ er_at = 1; goto failed1; }"));
  EXPECT_THAT(text, HasSubstr("        if (leave1.fails(k1, er_at)) {\n"
                              "          leave1.done();\n"
                              "        }\n"));
  EXPECT_THAT(text, HasSubstr("        er_at = leave1.reraise();\n"
                              "        goto fail;\n"));
}

TEST_F(EmitTest, BlocksWithoutTheGil) {
  auto with = std::make_unique<tree::GilBlock>();
  with->releases = false;
  Variable* kept = f_.temporary("kept", object());
  with->body = block(assign(variable(kept), to_object(integer("1"))));
  auto without = std::make_unique<tree::GilBlock>();
  without->body = block(std::move(with));
  EXPECT_THAT(body(f_, block(std::move(without))), HasSubstr("  {\n"
                                                             "    const er::WithoutGil gil1;\n"
                                                             "    {\n"
                                                             "      const er::WithGil gil2;\n"
                                                             "      er::Ref kept;\n"));
}

// An extension module exports its PyInit function, and nothing else.
TEST_F(EmitTest, ExtensionModule) {
  module_.name = "pack.cell";
  const std::string text = emit(module_, sources_, {.init_symbol = "PyInit_cell"}).text;
  EXPECT_THAT(text, HasSubstr("#include \"runtime/module.h\"\n"));
  EXPECT_THAT(text, HasSubstr("static int er_exec_module("));
  EXPECT_THAT(text, HasSubstr("er_extension = {\"pack.cell\", "));
  EXPECT_THAT(text, HasSubstr("{PyModuleDef_HEAD_INIT, \"cell\", "));
  EXPECT_THAT(text, HasSubstr("PyMODINIT_FUNC PyInit_cell(void) {"));
}

}  // namespace
}  // namespace engineroom::emit
