// SPDX-License-Identifier: Apache-2.0
#include "cli/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <sstream>

#include "cli/command_line.h"

namespace polycube::cli {
namespace {

constexpr auto replace_bad_utf8 = Json::error_handler_t::replace;

/// Builds a value from the parser's events.
/// Why not YAML::Load: it keeps aliases as shared nodes that multiply later, and its reader of several documents never
/// ends on a stray `]` at the top level (yaml-cpp 0.7).
class YamlBuilder : public YAML::EventHandler {
 public:
  /// Thrown through the parser, which knows no other way to stop.
  struct Refused {
    Error error;
  };

  [[nodiscard]] Json take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { put(mark, nullptr, anchor); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& text) override {
    put(mark, text, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(ErrorCode::malformed_message, mark, "an alias is part of what it stands for");
    charge(found->second, static_cast<int>(levels_.size()));
    put(mark, found->second, 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, Json::array(), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, Json::object(), anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    Json value;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::optional<std::string> name;  ///< of the member whose value comes next
  };

  [[noreturn]] static void refuse(ErrorCode code, const YAML::Mark& mark, const std::string& what) {
    throw Refused{Error{code, fmt::format("Line {} of the input: {}", mark.line + 1, what), {}, {}}};
  }

  void spend() {
    if (budget_-- == 0)
      throw Refused{Error{
          ErrorCode::limit_exceeded, fmt::format("The input has more than {} values", max_document_nodes), {}, {}}};
  }

  static void check_depth(int depth) {
    if (depth > max_document_depth)
      throw Refused{Error{
          ErrorCode::limit_exceeded, fmt::format("The input is nested more than {} deep", max_document_depth), {}, {}}};
  }

  /// An alias costs what it stands for.
  void charge(const Json& value, int depth) {
    check_depth(depth);
    spend();
    if (value.is_structured())
      for (const auto& item : value) charge(item, depth + 1);
  }

  void open(const YAML::Mark& mark, Json empty, YAML::anchor_t anchor) {
    if (!levels_.empty() && levels_.back().value.is_object() && !levels_.back().name)
      refuse(ErrorCode::malformed_message, mark, "a member's name is no text");
    levels_.push_back({std::move(empty), anchor, mark, {}});
    check_depth(static_cast<int>(levels_.size()));
  }

  void close() {
    auto level = std::move(levels_.back());
    levels_.pop_back();
    put(level.mark, std::move(level.value), level.anchor);
  }

  void put(const YAML::Mark& mark, Json value, YAML::anchor_t anchor) {
    spend();
    if (anchor != 0) anchors_[anchor] = value;
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    auto& level = levels_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else if (level.name) {
      level.value[*level.name] = std::move(value);
      level.name.reset();
    } else if (!value.is_string()) {
      refuse(ErrorCode::malformed_message, mark, "a member's name is no text");
    } else {
      level.name = value.get<std::string>();
      if (level.value.contains(*level.name))
        refuse(ErrorCode::malformed_message, mark, fmt::format("'{}' occurs twice", *level.name));
    }
  }

  Json root_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Json> anchors_;
  std::size_t budget_ = max_document_nodes;
};

Result<Json> parse_yaml(const std::string& text) try {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  YamlBuilder builder;
  if (!parser.HandleNextDocument(builder)) return Json(nullptr);
  YamlBuilder second;
  if (parser.HandleNextDocument(second))
    return fail(ErrorCode::malformed_message,
                "The input is neither JSON nor one YAML document: something follows its end");
  return builder.take();
} catch (const YamlBuilder::Refused& refused) {
  return tl::unexpected<Error>(refused.error);
} catch (const YAML::Exception& error) {
  return fail(ErrorCode::malformed_message, "The input is neither JSON nor YAML: line {}, column {}: {}",
              error.mark.line + 1, error.mark.column + 1, error.msg);
} catch (const std::exception& error) {
  return fail(ErrorCode::malformed_message, "The input is neither JSON nor YAML: {}", error.what());
}

/// Depth by counting brackets outside strings: refuses before a recursive reader is asked.
bool brackets_exceed(std::string_view text, int limit) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted)
      quoted = c == '\\' ? (++i, true) : c != '"';
    else if (c == '"')
      quoted = true;
    else if (c == '[' || c == '{')
      ++depth;
    else if (c == ']' || c == '}')
      --depth;
    if (depth > limit) return true;
  }
  return false;
}

bool reads_as_string(const std::string& text) {
  if (text.empty() || std::isspace(static_cast<unsigned char>(text.front())) != 0 ||
      std::isspace(static_cast<unsigned char>(text.back())) != 0)
    return false;
  static constexpr std::array<std::string_view, 12> words{"true", "false", "yes", "no", "on",   "off",
                                                          "null", "~",     "y",   "n",  ".inf", ".nan"};
  std::string lower(text.size(), '\0');
  std::ranges::transform(text, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (std::ranges::find(words, lower) != words.end()) return false;
  // Numbers in any base, dates and base-60 integers are made of these only and begin with a digit or a sign.
  const bool numeric = lower.find_first_not_of("0123456789abcdefox.+-_:t z") == std::string::npos &&
                       std::string_view("0123456789+-.").find(lower[0]) != std::string_view::npos;
  return !numeric;
}

void emit(YAML::Emitter& out, const Json& value) {
  if (value.is_object()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [name, member] : value.items()) {
      out << YAML::Key << name << YAML::Value;
      emit(out, member);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& item : value) emit(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (!reads_as_string(text)) out << YAML::DoubleQuoted;
    out << text;
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

}  // namespace

Result<Json> parse_document(std::string_view text) {
  if (text.size() > max_document_bytes)
    return fail(ErrorCode::limit_exceeded, "The input is longer than {} bytes", max_document_bytes);
  if (!is_utf8(text)) return fail(ErrorCode::malformed_message, "The input is not valid UTF-8");
  if (text.find('\0') != std::string_view::npos)
    return fail(ErrorCode::malformed_message, "The input holds a zero byte");
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return Json(nullptr);
  if (text[first] == '{' || text[first] == '[' || text[first] == '"') {
    if (brackets_exceed(text, max_document_depth))
      return fail(ErrorCode::limit_exceeded, "The input is nested more than {} deep", max_document_depth);
    auto json = Json::parse(text, nullptr, false);
    if (!json.is_discarded()) return json;
  }
  return parse_yaml(std::string(text));
}

std::string to_yaml(const Json& value) {
  YAML::Emitter out;
  emit(out, value);
  return std::string(out.c_str()) + "\n";
}

std::string to_json_text(const Json& value) { return value.dump(2, ' ', false, replace_bad_utf8) + "\n"; }

}  // namespace polycube::cli
