#include "syntax/diagnostic.h"

#include <gtest/gtest.h>

namespace engineroom::syntax {
namespace {

TEST(Source, positions_count_characters) {
  Sources sources;
  const SourceId id = sources.add("cell.pyx", "a\n\u00e4\u00f6 b\r\nc");
  const Source& source = sources[id];
  EXPECT_EQ(source.n_lines(), 3u);
  EXPECT_EQ(source.position_of(7).line, 2u);
  EXPECT_EQ(source.position_of(7).column, 4u);
  EXPECT_EQ(source.line_text(2), "\u00e4\u00f6 b");
  EXPECT_EQ(source.position_of(1000).line, 3u);
  EXPECT_EQ(sources.describe({id, 0, 1}), "cell.pyx:1:1");
}

TEST(Diagnostics, renders_the_place) {
  Sources sources;
  const SourceId id = sources.add("cell.pyx", "cdef int x\n\treturn \u00e4 * sqrt(2)\n");
  Diagnostics diagnostics;
  diagnostics.error("undeclared-name", {id, 24, 28}, "undeclared name 'sqrt'")
      .hint("from libc.math cimport sqrt")
      .related({id, 9, 10}, "this is declared");
  EXPECT_EQ(render(diagnostics, sources),
            "cell.pyx:2:13: error: undeclared name 'sqrt' [undeclared-name]\n"
            "    \treturn \u00e4 * sqrt(2)\n"
            "    \t           ^~~~\n"
            "  hint: from libc.math cimport sqrt\n"
            "  cell.pyx:1:10: this is declared\n"
            "    cdef int x\n"
            "             ^\n");
}

TEST(Diagnostics, one_mistake_gives_one_message) {
  Diagnostics diagnostics;
  diagnostics.error("a", {SourceId{}, 3, 4}, "first");
  diagnostics.error("b", {SourceId{}, 3, 9}, "again").hint("dropped");
  diagnostics.warning("c", {SourceId{}, 3, 4}, "kept");
  EXPECT_EQ(diagnostics.n_errors(), 1u);
  EXPECT_EQ(diagnostics.all().size(), 2u);
  diagnostics.rewind_to(0);
  EXPECT_FALSE(diagnostics.has_errors());
  diagnostics.error("b", {SourceId{}, 3, 9}, "again");
  EXPECT_TRUE(diagnostics.has_errors());
  for (std::uint32_t i = 10; i < 500; ++i) diagnostics.error("d", {SourceId{}, i, i}, "many");
  EXPECT_EQ(diagnostics.n_errors(), Diagnostics::kMaxErrors);
}

}  // namespace
}  // namespace engineroom::syntax
