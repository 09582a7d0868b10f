// SPDX-License-Identifier: Apache-2.0
#include "engine/log_format.h"

#include <arpa/inet.h>
#include <polycube/abi.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

namespace polycube::engine {

namespace {

constexpr unsigned widest = 64;  // characters that a width or precision can ask for

/// One conversion of a format: %[flags][width][.precision][length]conversion.
struct Directive {
  std::string_view text;  ///< as it is written
  std::string_view flags;
  unsigned width = 0;
  std::optional<unsigned> precision;
  std::string_view length;
  char conversion = '\0';
};

std::string_view take_while(std::string_view& rest, std::string_view characters) {
  const std::string_view taken = rest.substr(0, std::min(rest.find_first_not_of(characters), rest.size()));
  rest.remove_prefix(taken.size());
  return taken;
}

unsigned take_number(std::string_view& rest) {
  unsigned number = 0;
  for (const char digit : take_while(rest, "0123456789"))
    number = std::min(number * 10 + static_cast<unsigned>(digit - '0'), widest);
  return number;
}

// `text` begins with a '%'.
Directive parse_directive(std::string_view text) {
  Directive directive;
  std::string_view rest = text.substr(1);
  directive.flags = take_while(rest, "-+ #0");
  directive.width = take_number(rest);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    directive.precision = take_number(rest);
  }
  directive.length = take_while(rest, "hl");
  if (!rest.empty()) {
    directive.conversion = rest.front();
    rest.remove_prefix(1);
  }
  directive.text = text.substr(0, text.size() - rest.size());
  return directive;
}

// The type that the length stands for; in eBPF long has 64 bits.
std::optional<unsigned> bits(std::string_view length) {
  if (length.empty()) return 32;
  if (length == "l" || length == "ll") return 64;
  if (length == "h") return 16;
  if (length == "hh") return 8;
  return std::nullopt;
}

std::uint64_t zero_extended(std::uint64_t value, unsigned bits) { return value << (64 - bits) >> (64 - bits); }
std::int64_t sign_extended(std::uint64_t value, unsigned bits) {
  return static_cast<std::int64_t>(value << (64 - bits)) >> (64 - bits);
}

std::string integer(const Directive& directive, std::uint64_t value) {
  const auto size = bits(directive.length);
  if (!size) return std::string(directive.text);
  std::string format = '%' + std::string(directive.flags);
  if (directive.width > 0) format += std::to_string(directive.width);
  if (directive.precision) format += '.' + std::to_string(*directive.precision);
  format = format + "ll" + directive.conversion;
  const bool is_signed = directive.conversion == 'd' || directive.conversion == 'i';
  std::array<char, 2 * widest> text{};
  const int length = is_signed
                         ? std::snprintf(text.data(), text.size(), format.c_str(), sign_extended(value, *size) + 0LL)
                         : std::snprintf(text.data(), text.size(), format.c_str(), zero_extended(value, *size) + 0ULL);
  return {text.data(), std::min(static_cast<std::size_t>(std::max(length, 0)), text.size() - 1)};
}

std::string address(int family, const void* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(family, bytes, text.data(), text.size()) == nullptr ? std::string() : text.data();
}

std::string mac(std::uint64_t value) {
  std::array<unsigned char, sizeof(value)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(value));
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
                bytes[4], bytes[5]);
  return text.data();
}

std::string padded(const Directive& directive, std::string text) {
  if (text.size() >= directive.width) return text;
  const std::string blanks(directive.width - text.size(), ' ');
  return directive.flags.find('-') == std::string_view::npos ? blanks + text : text + blanks;
}

/// Hands out the arguments, one after the other.
class Arguments {
 public:
  explicit Arguments(std::span<const std::uint64_t> values) : values_(values) {}
  [[nodiscard]] bool has(std::size_t count) const { return values_.size() >= count; }
  std::uint64_t take() {
    const std::uint64_t value = values_.front();
    values_ = values_.subspan(1);
    return value;
  }

 private:
  std::span<const std::uint64_t> values_;
};

std::string convert(const Directive& directive, Arguments& arguments) {
  if (directive.text == "%%") return "%";
  if (!arguments.has(directive.conversion == 'J' ? 2 : 1)) return std::string(directive.text);
  const std::uint64_t value = arguments.take();
  switch (directive.conversion) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o': return integer(directive, value);
    case 'c': return padded(directive, std::string(1, static_cast<char>(value)));
    case 'p': {
      std::array<char, 24> text{};
      std::snprintf(text.data(), text.size(), "0x%llx", value + 0ULL);
      return padded(directive, text.data());
    }
    case 'I': {
      const auto bytes = static_cast<std::uint32_t>(value);
      return padded(directive, address(AF_INET, &bytes));
    }
    case 'J': {
      const std::array<std::uint64_t, 2> bytes{value, arguments.take()};
      return padded(directive, address(AF_INET6, bytes.data()));
    }
    case 'M': return padded(directive, mac(value));
    case 'P': return padded(directive, std::to_string(ntohs(static_cast<std::uint16_t>(value))));
    default: return std::string(directive.text);  // its argument is gone, so that the others stay in step
  }
}

// A line is one line, whatever is in it.
std::string printable(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      result += c;
    } else {
      std::array<char, 5> code{};
      std::snprintf(code.data(), code.size(), "\\x%02x", byte);
      result += code.data();
    }
  }
  return result;
}

}  // namespace

std::string format_log(std::string_view format, std::span<const std::uint64_t> arguments) {
  Arguments rest(arguments);
  std::string text;
  while (!format.empty()) {
    const std::size_t plain = std::min(format.find('%'), format.size());
    text += format.substr(0, plain);
    format.remove_prefix(plain);
    if (format.empty()) break;
    const Directive directive = parse_directive(format);
    text += convert(directive, rest);
    format.remove_prefix(directive.text.size());
  }
  return printable(text);
}

std::optional<LogLine> parse_log_record(std::span<const std::byte> record) {
  pcn_log_record head{};
  if (record.size() < sizeof(head)) return std::nullopt;
  std::memcpy(&head, record.data(), sizeof(head));
  record = record.subspan(sizeof(head));
  const std::size_t size = sizeof(std::uint64_t) * head.arguments;
  if (head.arguments > PCN_LOG_ARGUMENTS || head.format > PCN_LOG_FORMAT || record.size() < size + head.format)
    return std::nullopt;
  std::vector<std::uint64_t> arguments(head.arguments);
  std::copy_n(record.begin(), size, std::as_writable_bytes(std::span(arguments)).begin());
  const std::string_view format(reinterpret_cast<const char*>(record.data()) + size, head.format);
  return LogLine{.time = std::chrono::nanoseconds(head.time),
                 .level = std::min<std::uint16_t>(head.level, 5),
                 .egress = head.direction != 0,
                 .program = head.program,
                 .text = format_log(format.substr(0, format.find('\0')), arguments)};
}

}  // namespace polycube::engine
