// SPDX-License-Identifier: Apache-2.0
#include "model/input.h"

#include <expat.h>

#include <nlohmann/json.hpp>

#include <unordered_map>
#include "model/text.h"
#include "model/yang.h"

namespace polycube::model {

namespace {

using Json = nlohmann::json;

Member make_member(const std::string& key) {
  const auto colon = key.find(':');
  if (colon == std::string::npos) return {{}, key, {}};
  return {key.substr(0, colon), key.substr(colon + 1), {}};
}

/// Receives nlohmann's events; returns false to stop, with the reason in `error`.
class JsonReader final : public nlohmann::json_sax<Json> {
 public:
  Value root;
  std::string error;

  bool null() override { return scalar(Value::Kind::null, {}); }
  bool boolean(bool value) override { return scalar(Value::Kind::boolean, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) override { return scalar(Value::Kind::number, std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) override { return scalar(Value::Kind::number, std::to_string(value)); }
  bool number_float(double, const std::string& text) override { return scalar(Value::Kind::number, text); }
  bool binary(Json::binary_t&) override { return false; }

  bool string(std::string& text) override {
    if (!is_yang_text(text)) return stop("a string holds characters that text may not hold, such as NUL");
    return scalar(Value::Kind::string, std::move(text));
  }

  bool start_object(std::size_t) override { return open(Value::Kind::object); }
  bool start_array(std::size_t) override { return open(Value::Kind::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    if (!is_yang_text(name)) return stop("a name holds characters that text may not hold, such as NUL");
    open_.back()->members.push_back(make_member(name));
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& exception) override {
    std::string what = exception.what();
    const auto text = what.find("parse error");
    what = text == std::string::npos ? what : what.substr(text);
    // The parser quotes what it last read, which need not be UTF-8.
    return stop(is_yang_text(what) ? shorten(what) : "parse error at byte " + std::to_string(position));
  }

 private:
  bool stop(std::string reason) {
    error = std::move(reason);
    return false;
  }

  /// The place where the next value goes. Pointers into the vectors stay valid: only the innermost open one grows.
  Value& place() {
    if (open_.empty()) return root;
    Value& container = *open_.back();
    if (container.kind == Value::Kind::object) return container.members.back().value;
    return container.elements.emplace_back();
  }

  bool scalar(Value::Kind kind, std::string text) {
    Value& value = place();
    value.kind = kind;
    value.text = std::move(text);
    return true;
  }

  bool open(Value::Kind kind) {
    if (open_.size() >= max_depth) return stop("it is nested more than " + std::to_string(max_depth) + " levels deep");
    Value& value = place();
    value.kind = kind;
    open_.push_back(&value);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<Value*> open_;
};

Result<Value> parse_json(std::string_view body) {
  JsonReader reader;
  const bool complete = Json::sax_parse(body.begin(), body.end(), &reader);
  if (!complete) return fail(ErrorCode::malformed_message, "the body is not valid JSON: {}", reader.error);
  if (reader.root.kind != Value::Kind::object)
    return fail(ErrorCode::malformed_message, "the body must be a JSON object, but it is {}", kind_name(reader.root));
  return std::move(reader.root);
}

/// Builds values out of expat's events. Elements of equal name below one parent become an array.
class XmlReader {
 public:
  explicit XmlReader(const ly_ctx* context) : context_(context) {}

  Result<Value> parse(std::string_view body) {
    parser_.reset(XML_ParserCreateNS("UTF-8", '\n'));
    if (!parser_ || body.size() > static_cast<std::size_t>(INT32_MAX))
      return fail(ErrorCode::limit_exceeded, "the body is too large");
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), &XmlReader::on_start, &XmlReader::on_end);
    XML_SetCharacterDataHandler(parser_.get(), &XmlReader::on_text);
    XML_SetStartDoctypeDeclHandler(parser_.get(), &XmlReader::on_doctype);
    XML_SetNamespaceDeclHandler(parser_.get(), &XmlReader::on_namespace, nullptr);
    const auto status = XML_Parse(parser_.get(), body.data(), static_cast<int>(body.size()), XML_TRUE);
    if (!error_.empty()) return fail(ErrorCode::malformed_message, "the body cannot be used: {}", error_);
    if (status != XML_STATUS_OK)
      return fail(ErrorCode::malformed_message, "the body is not valid XML: {} in line {}",
                  XML_ErrorString(XML_GetErrorCode(parser_.get())), XML_GetCurrentLineNumber(parser_.get()));
    return std::move(root_);
  }

 private:
  struct Open {
    Member member;
    std::size_t namespaces;                                 ///< how many were in scope outside of the element
    std::unordered_map<std::string, std::size_t> children;  ///< by module and name: position in the members
  };

  static XmlReader& self(void* user) { return *static_cast<XmlReader*>(user); }
  static void XMLCALL on_start(void* user, const char* name, const char** attributes) {
    self(user).start(name, attributes);
  }
  static void XMLCALL on_end(void* user, const char*) { self(user).end(); }
  static void XMLCALL on_text(void* user, const char* text, int length) {
    if (!self(user).open_.empty())
      self(user).open_.back().member.value.text.append(text, static_cast<std::size_t>(length));
  }
  static void XMLCALL on_doctype(void* user, const char*, const char*, const char*, int) {
    self(user).stop("a document type declaration is not allowed");
  }
  static void XMLCALL on_namespace(void* user, const char* prefix, const char* uri) {
    self(user).scope_.emplace_back(prefix ? prefix : "", uri ? uri : "");
    self(user).snapshot_ = nullptr;
  }

  void stop(std::string reason) {
    if (error_.empty()) error_ = std::move(reason);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  std::string module_of(const std::string& uri) const {
    if (uri == "urn:ietf:params:xml:ns:yang:ietf-restconf") return "ietf-restconf";
    const lys_module* module = ly_ctx_get_module_implemented_ns(context_, uri.c_str());
    return module ? module->name : uri;
  }

  void start(const char* name, const char** attributes) {
    if (open_.size() >= max_depth) return stop("it is nested more than " + std::to_string(max_depth) + " levels deep");
    if (attributes[0]) return stop("attributes are not supported");
    const std::string text = name;
    const auto separator = text.find('\n');
    Open element;
    element.member.value.untyped = true;
    element.namespaces = namespaces_outside();
    if (separator == std::string::npos) {
      element.member.name = text;
    } else {
      element.member.module = module_of(text.substr(0, separator));
      element.member.name = text.substr(separator + 1);
    }
    if (!snapshot_) snapshot_ = std::make_shared<const Namespaces>(scope_);
    element.member.value.namespaces = snapshot_;
    outside_ = scope_.size();
    open_.push_back(std::move(element));
  }

  /// expat reports the declarations of an element before its start, so those since the last start belong to it.
  std::size_t namespaces_outside() const { return outside_; }

  void end() {
    Open element = std::move(open_.back());
    open_.pop_back();
    Value& value = element.member.value;
    if (value.members.empty()) {
      value.kind = Value::Kind::string;
    } else {
      value.kind = Value::Kind::object;
      if (value.text.find_first_not_of(" \t\r\n") != std::string::npos) return stop("text beside elements");
      value.text.clear();
    }
    if (scope_.size() != element.namespaces) {
      scope_.resize(element.namespaces);
      snapshot_ = nullptr;
    }
    outside_ = scope_.size();
    if (open_.empty()) {
      root_.kind = Value::Kind::object;
      root_.untyped = true;
      root_.members.push_back(std::move(element.member));
    } else {
      add(open_.back(), std::move(element.member));
    }
  }

  /// Elements of one name are the entries of a list. Looked up by name: a body may hold a million elements.
  static void add(Open& parent, Member member) {
    std::vector<Member>& members = parent.member.value.members;
    const auto [known, first_of_its_name] = parent.children.emplace(member.module + '\n' + member.name, members.size());
    if (first_of_its_name) {
      members.push_back(std::move(member));
      return;
    }
    Value& value = members[known->second].value;
    if (value.kind != Value::Kind::array) {
      Value first = std::move(value);
      value = Value{};
      value.kind = Value::Kind::array;
      value.untyped = true;
      value.elements.push_back(std::move(first));
    }
    value.elements.push_back(std::move(member.value));
  }

  struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
  };
  const ly_ctx* context_;
  std::unique_ptr<std::remove_pointer_t<XML_Parser>, FreeParser> parser_;
  std::vector<Open> open_;
  Namespaces scope_;
  std::shared_ptr<const Namespaces> snapshot_;
  std::size_t outside_ = 0;
  std::string error_;
  Value root_;
};

}  // namespace

const char* kind_name(const Value& value) {
  switch (value.kind) {
    case Value::Kind::object: return "an object";
    case Value::Kind::array: return "an array";
    case Value::Kind::string: return "a string";
    case Value::Kind::number: return "a number";
    case Value::Kind::boolean: return "a boolean";
    default: return "null";
  }
}

Result<Value> parse_body(const ly_ctx* context, std::string_view body, Format format) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return fail(ErrorCode::malformed_message, "the body is empty");
  return format == Format::json ? parse_json(body) : XmlReader(context).parse(body);
}

}  // namespace polycube::model
