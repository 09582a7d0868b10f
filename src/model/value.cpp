// SPDX-License-Identifier: Apache-2.0
#include "model/value.h"

#include <algorithm>

#include "model/text.h"

namespace polycube::model {

namespace {

const lysc_type_bitenum_item* enums_of(const lysc_type* type) {
  return type->basetype == LY_TYPE_ENUM ? reinterpret_cast<const lysc_type_enum*>(type)->enums : nullptr;
}

std::vector<std::string> item_names(const lysc_type_bitenum_item* items) {
  std::vector<std::string> names;
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(items, i) { names.emplace_back(items[i].name); }
  return names;
}

/// The enumeration's own spelling of `text`, or null.
const char* enum_name(const lysc_type* type, const std::string& text) {
  const char* match = nullptr;
  const auto* items = enums_of(type);
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(items, i) {
    if (text == items[i].name) return items[i].name;
    if (!match && equal_ignoring_case(text, items[i].name)) match = items[i].name;
  }
  return match;
}

bool is_64_bit(LY_DATA_TYPE type) { return type == LY_TYPE_INT64 || type == LY_TYPE_UINT64 || type == LY_TYPE_DEC64; }

/// Whether JSON may encode a value of the type like this. 64-bit numbers are strings in RFC 7951; a number is
/// accepted too.
bool kind_fits(const lysc_type* type, const Value& value) {
  switch (type->basetype) {
    case LY_TYPE_BOOL: return value.kind == Value::Kind::boolean;
    case LY_TYPE_EMPTY:
      return value.kind == Value::Kind::array && value.elements.size() == 1 &&
             value.elements[0].kind == Value::Kind::null;
    case LY_TYPE_UNION: {
      const auto* types = reinterpret_cast<const lysc_type_union*>(type)->types;
      LY_ARRAY_COUNT_TYPE i = 0;
      LY_ARRAY_FOR(types, i) {
        if (kind_fits(real_type(types[i]), value)) return true;
      }
      return false;
    }
    default:
      if (is_64_bit(type->basetype)) return value.kind == Value::Kind::string || value.kind == Value::Kind::number;
      return value.kind == (is_integer(type->basetype) ? Value::Kind::number : Value::Kind::string);
  }
}

const char* expected_kind(const lysc_type* type) {
  if (type->basetype == LY_TYPE_BOOL) return "true or false";
  if (type->basetype == LY_TYPE_EMPTY) return "[null]";
  if (type->basetype == LY_TYPE_UNION) return "another kind of value";
  return is_integer(type->basetype) || type->basetype == LY_TYPE_DEC64 ? "a number" : "a string";
}

/// "prefix:name" of an XML document as "module:name".
std::string resolve_prefix(const lysc_node* leaf, const Value& value) {
  const auto name = split_name(value.text);
  const auto& scope = *value.namespaces;
  const auto found =
      std::find_if(scope.rbegin(), scope.rend(), [&](const auto& entry) { return entry.first == name.first; });
  if (found == scope.rend()) return value.text;
  const lys_module* module = ly_ctx_get_module_implemented_ns(leaf->module->ctx, found->second.c_str());
  return module ? fmt::format("{}:{}", module->name, name.second) : value.text;
}

const char* default_range(LY_DATA_TYPE type) {
  switch (type) {
    case LY_TYPE_INT8: return "-128..127";
    case LY_TYPE_INT16: return "-32768..32767";
    case LY_TYPE_INT32: return "-2147483648..2147483647";
    case LY_TYPE_INT64: return "-9223372036854775808..9223372036854775807";
    case LY_TYPE_UINT8: return "0..255";
    case LY_TYPE_UINT16: return "0..65535";
    case LY_TYPE_UINT32: return "0..4294967295";
    default: return "0..18446744073709551615";
  }
}

/// What well-known derived types hold; null for others.
const char* known_typedef(const lysc_node* leaf) {
  static constexpr std::pair<std::string_view, const char*> known[] = {
      {"ietf-yang-types:mac-address", "a MAC address such as 02:00:00:00:00:01"},
      {"ietf-yang-types:uuid", "a UUID such as 8f0e3c34-1b7a-4f3a-9d6b-2a1f0c9e7d55"},
      {"ietf-inet-types:ipv4-address", "an IPv4 address such as 10.0.0.1"},
      {"ietf-inet-types:ipv4-address-no-zone", "an IPv4 address such as 10.0.0.1"},
      {"ietf-inet-types:ipv6-address", "an IPv6 address such as 2001:db8::1"},
      {"ietf-inet-types:ipv6-address-no-zone", "an IPv6 address such as 2001:db8::1"},
      {"ietf-inet-types:ipv4-prefix", "an IPv4 prefix such as 10.0.0.0/24"},
      {"ietf-inet-types:ipv6-prefix", "an IPv6 prefix such as 2001:db8::/32"},
      {"ietf-inet-types:ip-address", "an IPv4 or IPv6 address"},
      {"ietf-inet-types:ip-address-no-zone", "an IPv4 or IPv6 address"},
      {"ietf-inet-types:ip-prefix", "an IPv4 or IPv6 prefix such as 10.0.0.0/24"},
      {"polycube-base:ip-match", "an IPv4 or IPv6 address or prefix such as 10.0.0.1, 10.0.0.0/24 or 2001:db8::/32"},
      {"polycube-base:port-range", "a port number of 0 to 65535, or a range of them such as 1000-2000"},
      {"ietf-inet-types:host", "a host name or an IP address"},
      {"ietf-inet-types:domain-name", "a domain name"},
  };
  for (const auto& name : typedefs(leaf)) {
    for (const auto& [type, text] : known) {
      if (name == type) return text;
    }
  }
  return nullptr;
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

bool within(const lysc_range* length, std::size_t count) {
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(length->parts, i) {
    if (count >= length->parts[i].min_u64 && count <= length->parts[i].max_u64) return true;
  }
  return false;
}

/// Whether libyang's message is an error-message of the model, which is to be kept as it is.
bool is_model_message(const lysc_type* type, std::string_view message) {
  const auto is = [message](const char* text) { return text && message == text; };
  if (const lysc_range* range = number_range(type)) return is(range->emsg);
  if (type->basetype != LY_TYPE_STRING) return false;
  const auto* string = reinterpret_cast<const lysc_type_str*>(type);
  if (string->length && is(string->length->emsg)) return true;
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(string->patterns, i) {
    if (is(string->patterns[i]->emsg)) return true;
  }
  return false;
}

std::string string_expectation(const lysc_type* type, const std::string& text, const std::string& libyang) {
  const auto* string = reinterpret_cast<const lysc_type_str*>(type);
  if (string->length && !within(string->length, characters(text)))
    return fmt::format("it has {} characters, allowed are {}", characters(text), range_text(string->length, type));
  const auto quote = libyang.rfind(" to \"");
  if (quote != std::string::npos)
    return fmt::format("it does not match the pattern {}",
                       libyang.substr(quote + 4, libyang.find_last_of('"') - quote - 3));
  const LY_ARRAY_COUNT_TYPE patterns = LY_ARRAY_COUNT(string->patterns);
  return patterns == 1 ? fmt::format("it does not match the pattern \"{}\"", string->patterns[0]->expr)
                       : "it is not text of the required form";
}

/// What the model shows as a value of the leaf.
std::string model_example(const lysc_node* leaf) {
  const auto example = extension(leaf, "example");
  return example ? ", for example " + *example : std::string();
}

std::string expectation(const lysc_node* leaf, const lysc_type* type, const std::string& text,
                        const std::string& libyang) {
  switch (type->basetype) {
    case LY_TYPE_ENUM: return "expected " + alternatives(item_names(enums_of(type)));
    case LY_TYPE_BITS:
      return "expected any of " + alternatives(item_names(reinterpret_cast<const lysc_type_bits*>(type)->bits)) +
             ", separated by spaces";
    case LY_TYPE_BOOL: return "expected true or false";
    case LY_TYPE_DEC64: {
      const auto* decimal = reinterpret_cast<const lysc_type_dec*>(type);
      return fmt::format("expected a number with at most {} decimals{}", decimal->fraction_digits,
                         decimal->range ? " in the range " + range_text(decimal->range, type) : "");
    }
    case LY_TYPE_STRING:
      if (const char* known = known_typedef(leaf)) return std::string("expected ") + known;
      return string_expectation(type, text, libyang) + model_example(leaf);
    case LY_TYPE_UNION:
      if (const char* known = known_typedef(leaf)) return std::string("expected ") + known;
      return "it fits none of the types allowed here" + model_example(leaf);
    case LY_TYPE_BINARY: return "expected base64 text";
    case LY_TYPE_IDENT: return "there is no such identity";
    default:
      if (is_integer(type->basetype))
        return std::string("expected a whole number in the range ") +
               (number_range(type) ? range_text(number_range(type), type) : default_range(type->basetype));
      return libyang.empty() ? "it is not of the required type" : libyang;
  }
}

/// Whether the canonical form of a string type is lower case (RFC 6991: addresses and identifiers in hexadecimal), by
/// the patterns of these types, which types derived from them keep. libyang leaves such values as they are.
bool is_hexadecimal(const lysc_type_str* type) {
  static constexpr std::string_view patterns[] = {
      "[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}",                                           // mac-address
      "([0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*)?",                                          // phys-address, hex-string
      "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",  // uuid
  };
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(type->patterns, i) {
    if (std::find(std::begin(patterns), std::end(patterns), std::string_view(type->patterns[i]->expr)) !=
        std::end(patterns))
      return true;
  }
  return false;
}

}  // namespace

std::string normalise(const lysc_type* declared, std::string text) {
  const lysc_type* type = real_type(declared);
  if (type->basetype == LY_TYPE_ENUM) {
    const char* name = enum_name(type, text);
    return name ? name : text;
  }
  if (type->basetype == LY_TYPE_STRING && is_hexadecimal(reinterpret_cast<const lysc_type_str*>(type))) {
    for (char& c : text) {
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
  }
  if (type->basetype != LY_TYPE_UNION) return text;
  const auto* types = reinterpret_cast<const lysc_type_union*>(type)->types;
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(types, i) {
    // A member before the enumeration that takes any string takes this one as it is.
    const lysc_type* member = real_type(types[i]);
    if (member->basetype == LY_TYPE_STRING && !reinterpret_cast<const lysc_type_str*>(member)->patterns) return text;
    if (const char* name = enum_name(member, text)) return name;
  }
  return text;
}

Result<std::string> leaf_text(const lysc_node* leaf, const Value& value) {
  const lysc_type* type = real_type(leaf_type(leaf));
  if (value.untyped) {
    if (value.kind != Value::Kind::string)
      return fail(ErrorCode::invalid_value, "{} must be a single value", leaf->name);
    if (type->basetype == LY_TYPE_IDENT && value.namespaces) return resolve_prefix(leaf, value);
    // Blanks around anything but a string are layout.
    std::string text = value.text;
    if (type->basetype != LY_TYPE_STRING && type->basetype != LY_TYPE_UNION) {
      text.erase(0, text.find_first_not_of(" \t\r\n"));
      text.erase(text.find_last_not_of(" \t\r\n") + 1);
    }
    return normalise(type, std::move(text));
  }
  if (!kind_fits(type, value) && value.kind == Value::Kind::string)
    return fail(ErrorCode::invalid_value, "'{}' is not a value of {}: expected {}, not a string", shorten(value.text),
                leaf->name, expected_kind(type));
  if (!kind_fits(type, value))
    return fail(ErrorCode::invalid_value, "{} must be {}, but it is {}", leaf->name, expected_kind(type),
                kind_name(value));
  return normalise(type, value.text);
}

Error value_error(const lysc_node* leaf, const std::string& text) {
  const lysc_type* type = real_type(leaf_type(leaf));
  const char* last = ly_errmsg(leaf->module->ctx);
  const std::string libyang = last ? last : "";
  ly_err_clean(const_cast<ly_ctx*>(leaf->module->ctx), nullptr);
  if (is_model_message(type, libyang)) return {ErrorCode::invalid_value, libyang, {}, {}};
  return {
      ErrorCode::invalid_value,
      fmt::format("'{}' is not a value of {}: {}", shorten(text), leaf->name, expectation(leaf, type, text, libyang)),
      {},
      {}};
}

namespace {

/// `canonical`, when it is given, is libyang's to free.
Result<std::string> checked(const lysc_node* leaf, const std::string& text, const char** canonical) {
  std::string value = normalise(leaf_type(leaf), text);
  const ly_ctx* context = leaf->module->ctx;
  const LY_ERR error = lyd_value_validate(context, leaf, value.c_str(), value.size(), nullptr, nullptr, canonical);
  if (error != LY_SUCCESS && error != LY_EINCOMPLETE) return tl::unexpected<Error>(value_error(leaf, value));
  return value;
}

}  // namespace

Result<std::string> check_value(const lysc_node* leaf, const std::string& text) { return checked(leaf, text, nullptr); }

Result<std::string> canonical_value(const lysc_node* leaf, const std::string& text) {
  const char* canonical = nullptr;
  PCN_ASSIGN(std::string value, checked(leaf, text, &canonical));
  if (canonical == nullptr) return value;
  value = canonical;
  lydict_remove(leaf->module->ctx, canonical);
  return value;
}

}  // namespace polycube::model
