#include "emit/emit.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <utility>

#include "emit/closures.h"
#include "emit/extension.h"
#include "emit/function_emitter.h"
#include "emit/text.h"

namespace engineroom::emit {

using tree::FunctionKind;
using tree::ParamKind;
using tree::Type;
using tree::TypeKind;

namespace {

// ---- types ----

std::string forward_declaration(const Type& type) {
  return std::string(type.is_union ? "union " : "struct ") + type.cpp + ";";
}

void define_type(const Type& type, Writer& out) {
  // Enumerators are numbers by now.
  if (type.kind == TypeKind::kEnum) {
    if (!type.cpp.empty()) out.line("using " + type.cpp + " = int;");
    return;
  }
  const std::string keyword = type.is_union ? "union" : "struct";
  out.open(keyword + (type.is_packed ? " __attribute__((packed)) " : " ") + type.cpp);
  for (const tree::Field& field : type.fields) out.line(declare(*field.type, field.cpp) + ";");
  out.close("};");
}

void define_types(const tree::Module& module, Writer& out) {
  for (const Type* type : module.structs)
    if (type->kind == TypeKind::kStruct) out.line(forward_declaration(*type));
  for (const Type* type : module.structs) define_type(*type, out);
}

// ---- constants ----

bool looks_like_name(const std::string& text) {
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  return !text.empty();
}

std::string text_constant(const char* kind, const std::string& text) {
  return "{er::ConstantKind::" + std::string(kind) + ", " + quoted(text) + ", " +
         std::to_string(text.size()) + "}";
}

std::string constant(const tree::Constant& constant, std::size_t index, Writer& out) {
  switch (constant.kind) {
    case tree::ConstantKind::kStr:
      return text_constant(looks_like_name(constant.text) ? "kName" : "kStr", constant.text);
    case tree::ConstantKind::kBytes:
      return text_constant("kBytes", constant.text);
    case tree::ConstantKind::kInt:
      return text_constant("kInt", constant.text);
    case tree::ConstantKind::kFloat:
      return "{er::ConstantKind::kFloat, nullptr, 0, " + number(constant.value) + "}";
    case tree::ConstantKind::kComplex:
      return "{er::ConstantKind::kComplex, nullptr, 0, " + number(constant.value) + "}";
    case tree::ConstantKind::kTuple:
    case tree::ConstantKind::kFrozenSet:
      break;
  }
  const bool is_tuple = constant.kind == tree::ConstantKind::kTuple;
  const std::string kind = is_tuple ? "kTuple" : "kFrozenSet";
  std::string items = "nullptr";
  if (!constant.items.empty()) {
    items = "er_items_" + std::to_string(index);
    std::vector<std::string> indices;
    for (const std::size_t item : constant.items) indices.push_back(std::to_string(item));
    out.line("static const int " + items + "[] = {" + joined(indices) + "};");
  }
  return "{er::ConstantKind::" + kind + ", nullptr, " + std::to_string(constant.items.size()) +
         ", 0, " + items + "}";
}

void define_constants(const tree::Module& module, Writer& out) {
  if (module.constants.empty()) return;
  std::vector<std::string> specs;
  for (std::size_t i = 0; i < module.constants.size(); ++i)
    specs.push_back(constant(module.constants[i], i, out));
  out.open("static const er::ConstantSpec er_constant_specs[] =");
  for (const std::string& spec : specs) out.line(spec + ",");
  out.close("};");
  out.line("static PyObject* er_constants[" + std::to_string(specs.size()) + "];");
}

// ---- headers, classes ----

// Every word of the text that may be a name.
std::set<std::string_view> words_of(std::string_view text) {
  std::set<std::string_view> words;
  const auto is_part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  for (std::size_t i = 0; i < text.size();) {
    if (!is_part(text[i])) {
      ++i;
      continue;
    }
    const std::size_t start = i;
    while (i < text.size() && is_part(text[i])) ++i;
    words.insert(text.substr(start, i - start));
  }
  return words;
}

bool is_used(const tree::Prelude& prelude, const std::set<std::string_view>& words) {
  if (!prelude.is_optional || prelude.names.empty()) return true;
  return std::any_of(prelude.names.begin(), prelude.names.end(), [&](const std::string& name) {
    const std::set<std::string_view> parts = words_of(name);
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
      return part != "struct" && part != "union" && part != "enum" && words.contains(part);
    });
  });
}

void define_classes(const tree::Module& module, Writer& out) {
  if (module.classes.empty()) return;
  std::vector<std::string> specs;
  for (const tree::ExtensionClass* type : module.classes)
    specs.push_back("{" + quoted(type->module) + ", " + quoted(type->name) + "}");
  out.line("static const er::ClassSpec er_class_specs[] = {" + joined(specs) + "};");
  out.line("static PyObject* er_classes[" + std::to_string(specs.size()) + "];");
}

// ---- variables ----

std::string variable_declaration(const tree::Variable& variable) {
  return global_declaration(*variable.type, variable.cpp);
}

// ---- names that modules lend each other ----

// Pointers to what other modules define.
void define_imports(const tree::Module& module, Writer& out) {
  for (const tree::LentName& lent : module.imports) {
    if (lent.type->kind != TypeKind::kFunction) {
      out.line("static " +
               (lent.type->is_object() ? "er::Global* " + lent.cpp
                                       : declare(*lent.type, "(*" + lent.cpp + ")")) +
               ";");
      continue;
    }
    if (!lent.is_cpdef) {
      out.line("static " + declare(*lent.type, "(*" + lent.cpp + ")") + ";");
      continue;
    }
    // The caller knows nothing of the parameter that methods need.
    std::vector<std::string> types;
    std::vector<std::string> parameters;
    std::vector<std::string> arguments;
    for (const tree::Parameter& parameter : lent.type->parameters) {
      arguments.push_back("a" + std::to_string(arguments.size()));
      types.push_back(declare(*parameter.type, ""));
      parameters.push_back(declare(*parameter.type, arguments.back()));
    }
    types.emplace_back("int");
    arguments.emplace_back("0");
    out.line("static " + declare(*lent.type->base, "(*p" + lent.cpp + ")(" + joined(types) + ")") +
             ";");
    out.line("static " + declare(*lent.type->base, lent.cpp + "(" + joined(parameters) + ")") +
             " { return p" + lent.cpp + "(" + joined(arguments) + "); }");
  }
}

void find_imports(const tree::Module& module, Writer& out) {
  for (const tree::LentName& lent : module.imports) {
    const bool is_function = lent.type->kind == TypeKind::kFunction;
    const std::string pointer = (lent.is_cpdef ? "p" : "") + lent.cpp;
    out.line(
        "if (!er::borrow_c(" +
        joined({"home", quoted(lent.module), quoted(lent.name), quoted(lent.signature),
                is_function ? "true" : "false", "reinterpret_cast<void**>(&" + pointer + ")"}) +
        ")) return -1;");
  }
}

// What is lent is there before anything runs: who imports us may be imported by us.
void lend_exports(const tree::Module& module, Writer& out) {
  for (const tree::LentName& lent : module.exports) {
    std::string address = "(void*)&" + lent.cpp;
    if (lent.is_cpdef) {
      std::vector<std::string> parameters;
      std::vector<std::string> arguments;
      for (const tree::Parameter& parameter : lent.type->parameters) {
        arguments.push_back("a" + std::to_string(arguments.size()));
        parameters.push_back(declare(*parameter.type, arguments.back()));
      }
      parameters.emplace_back("int");
      address = "(void*)+[](" + joined(parameters) + ") -> " + declare(*lent.type->base, "") +
                " { return " + lent.cpp + "(" + joined(arguments) + "); }";
    }
    out.line("if (!er::lend_c(" +
             joined({"globals", "home", quoted(lent.name), quoted(lent.signature), address}) +
             ")) return -1;");
  }
}

// ---- functions ----

bool has_python_form(const tree::Function& function) {
  return function.kind == FunctionKind::kDef || function.kind == FunctionKind::kCpdef;
}

// What er::new_function needs to know.
void define_spec(const tree::Function& function, const ModuleContext& context, Writer& out) {
  std::vector<std::string> names;
  int n_positional_only = 0;
  int n_positional = 0;
  int n_keyword_only = 0;
  bool has_varargs = false;
  bool has_varkeywords = false;
  const auto add_names = [&](auto is_wanted) {
    for (const tree::PyParameter& parameter : function.py_parameters)
      if (is_wanted(parameter.kind)) names.push_back(quoted(parameter.variable->name));
  };
  for (const tree::PyParameter& parameter : function.py_parameters) {
    n_positional_only += parameter.kind == ParamKind::kPositionalOnly;
    n_positional +=
        parameter.kind == ParamKind::kPositionalOnly || parameter.kind == ParamKind::kNormal;
    n_keyword_only += parameter.kind == ParamKind::kKeywordOnly;
    has_varargs = has_varargs || parameter.kind == ParamKind::kVarArgs;
    has_varkeywords = has_varkeywords || parameter.kind == ParamKind::kVarKeywords;
  }
  add_names([](ParamKind kind) {
    return kind == ParamKind::kPositionalOnly || kind == ParamKind::kNormal;
  });
  add_names([](ParamKind kind) { return kind == ParamKind::kKeywordOnly; });
  add_names([](ParamKind kind) { return kind == ParamKind::kVarArgs; });
  add_names([](ParamKind kind) { return kind == ParamKind::kVarKeywords; });

  const std::string names_name = "er_names_" + function.cpp;
  if (!names.empty())
    out.line("static const char* const " + names_name + "[] = {" + joined(names) + "};");
  const bool has_place = static_cast<std::size_t>(function.range.source) < context.sources.size();
  const std::size_t line =
      has_place ? context.sources[function.range.source].line_of(function.range.begin) : 1;
  const std::string& body = function.kind == FunctionKind::kCpdef
                                ? FunctionEmitter::wrapper_name(function)
                                : function.cpp;
  out.line("static const er::FunctionSpec er_spec_" + function.cpp + " = {" +
           joined({quoted(function.name), quoted(function.qualname),
                   quoted_or_null(function.doc, function.has_doc), body,
                   names.empty() ? "nullptr" : names_name, std::to_string(n_positional_only),
                   std::to_string(n_positional), std::to_string(n_keyword_only),
                   has_varargs ? "true" : "false", has_varkeywords ? "true" : "false", "er_file",
                   std::to_string(line)}) +
           "};");
}

// ---- the module ----

void define_entry(const tree::Module& module, const Unit& unit, bool has_init, bool is_static,
                  Writer& out) {
  const std::string n = std::to_string(module.constants.size());
  out.open((is_static ? "static int " : "extern \"C\" int ") + unit.entry +
           "(PyObject* globals, PyObject* home)");
  out.line("er_globals = globals;");
  out.line("er_home = home;");
  if (!module.constants.empty()) {
    out.line("if (er::make_constants(er_constant_specs, " + n + ", er_constants) < 0) return -1;");
  }
  const std::string n_classes = std::to_string(module.classes.size());
  if (!module.classes.empty()) {
    out.line("if (er::import_classes(er_class_specs, " + n_classes +
             ", er_classes) < 0) return -1;");
  }
  for (const tree::Variable& variable : module.variables) {
    if (variable.kind == tree::VariableKind::kModule && variable.type->is_object())
      out.line(variable.cpp + " = er::borrow(Py_None);");
  }
  lend_exports(module, out);
  find_imports(module, out);
  out.line(has_init ? "return er_run_module();" : "return 0;");
  out.close();
}

// The text, with a #line wherever the source's line changes.
void assemble(const Writer& writer, const syntax::Sources& sources, std::uint32_t main,
              bool line_directives, Unit& unit) {
  std::uint32_t current = 0;
  std::uint32_t source = main;
  const auto add = [&](const std::string& text, std::uint32_t line) {
    unit.text += text;
    unit.text += '\n';
    // Verbatim text has several lines.
    for (const char c : text)
      if (c == '\n') unit.lines.push_back(line);
    unit.lines.push_back(line);
  };
  for (const Writer::Line& line : writer.lines()) {
    const bool is_new = line.source_line != current || line.source != source;
    if (line_directives && line.source_line != 0 && is_new && line.source < sources.size()) {
      const std::string& file = sources[static_cast<syntax::SourceId>(line.source)].name();
      add("#line " + std::to_string(line.source_line) + " " + quoted(file), 0);
      current = line.source_line;
      source = line.source;
    }
    add(std::string(static_cast<std::size_t>(line.indent) * 2, ' ') + line.text,
        line.source == main ? line.source_line : 0);
  }
}

std::string plain_text(const Writer& writer) {
  Unit unit;
  assemble(writer, {}, 0, false, unit);
  return unit.text;
}

}  // namespace

Unit emit(const tree::Module& module, const syntax::Sources& sources, const EmitOptions& options) {
  ModuleContext context{module, sources, options, ""};
  std::uint32_t main = 0;
  if (sources.size() > 0) {
    const tree::Function* init = module.functions.empty() ? nullptr : &module.functions.back();
    const auto id = init != nullptr ? static_cast<std::uint32_t>(init->range.source) : 0;
    main = id < sources.size() ? id : 0;
    context.file = sources[static_cast<syntax::SourceId>(main)].name();
  }
  bool has_init = false;
  for (const tree::Function& function : module.functions) {
    has_init = has_init || function.kind == FunctionKind::kModuleInit;
  }

  // Bodies first: they tell which conversions are needed.
  Writer bodies;
  Writer c_declarations;
  Writer own_declarations;
  Writer python_declarations;
  for (const tree::Function& function : module.functions) {
    FunctionEmitter emitter(context, function);
    if (function.kind == FunctionKind::kCdef || function.kind == FunctionKind::kCpdef) {
      (function.is_of_pxd ? own_declarations : c_declarations)
          .line(emitter.c_signature(false) + ";");
    }
    if (has_python_form(function)) {
      const std::string name = function.kind == FunctionKind::kCpdef
                                   ? FunctionEmitter::wrapper_name(function)
                                   : function.cpp;
      python_declarations.line(FunctionEmitter::python_signature(name) + ";");
      define_spec(function, context, python_declarations);
    }
    bodies.append(emitter.emit());
    if (function.kind == FunctionKind::kCpdef)
      bodies.append(FunctionEmitter(context, function).emit_wrapper());
  }

  const bool is_extension = !options.init_symbol.empty();
  Unit unit;
  unit.refusals = context.refusals;
  unit.entry = "er_exec_" + options.id;
  Writer types;
  define_types(module, types);
  Writer out;
  out.line("static const char* const er_file = " +
           quoted(options.file.empty() ? context.file : options.file) + ";");
  out.line("static PyObject* er_globals;");
  out.line("static PyObject* er_home;");
  define_constants(module, out);
  if (context.uses_global_caches) {
    out.line("static er::GlobalCache er_caches[" + std::to_string(module.constants.size()) + "];");
  }
  const std::string linkage = options.is_shared ? "" : "static ";
  for (const tree::Variable& variable : module.variables) {
    if (variable.kind == tree::VariableKind::kModule)
      out.line(linkage + variable_declaration(variable) + ";");
  }
  define_scopes(module, out);
  define_classes(module, out);
  define_imports(module, out);
  out.append(context.item_types.tables());
  out.append(context.conversions.functions());
  out.append(own_declarations);
  out.append(c_declarations);
  out.append(python_declarations);
  if (!context.lane_functions.text().lines().empty()) {
    out.line("#ifdef ER_HAS_LANES");
    out.append(context.lane_functions.text());
    out.line("#endif");
  }
  out.append(bodies);
  define_entry(module, unit, has_init, is_extension, out);
  if (is_extension) define_extension(module.name, options.init_symbol, unit.entry, out);

  // What is spelled out tells which headers are needed.
  const std::string spelled = plain_text(types) + plain_text(out);
  const std::set<std::string_view> words = words_of(spelled);
  Writer whole;
  if (is_extension) begin_extension(module.uses_openmp, whole);
  whole.line("#include \"runtime/engineroom_runtime.h\"");
  if (is_extension) whole.line("#include \"runtime/module.h\"");
  std::set<std::string_view> told;
  const auto tell = [&](const tree::Prelude& prelude) {
    if (!told.insert(prelude.text).second) return;
    whole.line(prelude.text);
    if (!prelude.header.empty()) unit.headers.push_back(prelude.header);
  };
  for (const auto& used : module.uses)
    for (const tree::Prelude& piece : used->pieces) tell(piece);
  for (const tree::Prelude& prelude : module.prelude) {
    if (!is_used(prelude, words)) continue;
    tell(prelude);
    unit.declarations.push_back({prelude.text, prelude.header});
  }
  whole.append(types);
  whole.append(out);
  assemble(whole, sources, main, options.line_directives, unit);

  Writer declarations;
  declarations.append(types);
  for (const tree::Variable& variable : module.variables) {
    if (variable.kind == tree::VariableKind::kModule)
      declarations.line("extern " + variable_declaration(variable) + ";");
  }
  declarations.append(c_declarations);
  unit.declarations.push_back({plain_text(declarations), ""});
  return unit;
}

}  // namespace engineroom::emit
