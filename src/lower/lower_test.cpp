// Typed trees before, and as they are printed after a pass.
#include "lower/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tree/print.h"
#include "tree/tree_builder.h"
#include "tree/verify.h"

namespace engineroom::lower {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tree::Fail;
using tree::StmtPtr;
using tree::Type;
using tree::Variable;
using tree::builder::assign;
using tree::builder::block;
using tree::builder::FunctionBuilder;
using tree::builder::helper;
using tree::builder::run;
using tree::builder::variable;

class LowerTest : public ::testing::Test {
 protected:
  const Type* object() { return module_.types.object(); }

  StmtPtr with(Variable* manager, Variable* value, tree::Block body) {
    auto made = std::make_unique<tree::With>();
    made->manager = variable(manager);
    made->value = value;
    made->body = std::move(body);
    return made;
  }
  StmtPtr call(const std::string& name) { return run(helper(name, object(), Fail::kNull)); }

  std::string lowered(tree::Block statements) {
    f_.function().body = std::move(statements);
    EXPECT_THAT(tree::verify(module_), IsEmpty());
    lower(module_);
    EXPECT_THAT(tree::verify(module_), IsEmpty());
    return tree::print(module_);
  }

  tree::Module module_;
  FunctionBuilder f_{module_};
};

TEST_F(LowerTest, WithEntersAndLeavesTheManager) {
  Variable* manager = f_.parameter("m", object());
  const std::string text = lowered(block(with(manager, nullptr, block(call("er::work")))));
  EXPECT_THAT(text, HasSubstr(R"(  l_1_manager = m : Python object
  l_2_enter = er::lookup_special(l_1_manager, '__enter__')! : Python object
  l_3_exit = er::lookup_special(l_1_manager, '__exit__')! : Python object
  er::call(l_2_enter)!
  l_4_is_ok = 1 : bint
  try
    try
      er::work()!
    except
      l_4_is_ok = 0 : bint
      if !(er::exit_with_exception(l_3_exit)!)
        er::reraise()!
  finally
    if l_4_is_ok
      er::exit(l_3_exit)!
)"));
}

TEST_F(LowerTest, WithKeepsWhatWasEntered) {
  Variable* manager = f_.parameter("m", object());
  Variable* value = f_.temporary("value", object());
  Variable* x = f_.local("x", object());
  const std::string text =
      lowered(block(with(manager, value, block(assign(variable(x), variable(value))))));
  EXPECT_THAT(text, HasSubstr("  value = er::call(l_2_enter)! : Python object\n"));
  EXPECT_THAT(text, HasSubstr("      x = value : Python object\n"));
}

TEST_F(LowerTest, WithWithinWithIsLoweredToo) {
  Variable* manager = f_.parameter("m", object());
  const std::string text = lowered(
      block(with(manager, nullptr, block(with(manager, nullptr, block(call("er::work")))))));
  EXPECT_THAT(text, Not(HasSubstr("with ")));
  EXPECT_THAT(text, HasSubstr("          er::work()!\n"));
}

TEST_F(LowerTest, OneConstantPerName) {
  Variable* manager = f_.parameter("m", object());
  lowered(block(with(manager, nullptr, {}), with(manager, nullptr, {})));
  EXPECT_EQ(module_.constants.size(), 2U);
}

}  // namespace
}  // namespace engineroom::lower
