// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace polycube::cli {
namespace {

constexpr std::array<std::pair<std::string_view, Verb>, 4> verbs{
    {{"add", Verb::add}, {"set", Verb::set}, {"show", Verb::show}, {"del", Verb::del}}};

std::optional<Verb> verb_of(std::string_view word) {
  for (const auto& [name, verb] : verbs)
    if (name == word) return verb;
  return std::nullopt;
}

bool is_negative_number(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && std::isdigit(static_cast<unsigned char>(word[1])) != 0;
}

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

/// Reads the arguments one by one.
class Reader {
 public:
  Result<CommandLine> read(const std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const auto& argument = arguments[i];
      if (argument.empty()) return fail(ErrorCode::malformed_message, "An empty argument is not valid");
      if (!is_utf8(argument)) return fail(ErrorCode::malformed_message, "Argument {} is not valid UTF-8", i + 1);
      if (line_.help) return fail(ErrorCode::malformed_message, "? must be the last argument");
      if (std::exchange(awaits_file_, false))
        line_.file = argument;
      else
        PCN_TRY(read_one(argument));
      previous_ = argument;
    }
    if (format_flag_ && !line_.options.hide.empty())
      return fail(ErrorCode::malformed_message, "{} and -hide cannot be used together", *format_flag_);
    PCN_TRY(finish());
    return std::move(line_);
  }

 private:
  /// What only the whole line tells.
  Result<> finish() {
    auto& words = line_.words;
    const bool idle = line_.verb == Verb::none && line_.assignments.empty() && !line_.help;
    if (idle && shows_by_default(words)) line_.verb = Verb::show;
    if (awaits_file_) return fail(ErrorCode::malformed_message, "-f needs the name of a file");
    if (awaits_count_) return fail(ErrorCode::malformed_message, "--count needs a number of packets");
    const bool changes = line_.verb == Verb::add || line_.verb == Verb::set;
    if (changes && !line_.file && !line_.help && words.size() == 2 && words[0] == "cubes") {
      line_.file = words[1];
      words.pop_back();
    }
    if (!line_.file && !line_.help && words.size() == 2 && takes_whole_configuration(words)) {
      line_.file = words[1];
      words.pop_back();
    }
    if (line_.file && !line_.assignments.empty())
      return fail(ErrorCode::malformed_message, "A file and {}= cannot be used together", line_.assignments[0].first);
    if (line_.file && !changes && line_.verb != Verb::none)
      return fail(ErrorCode::malformed_message, "-f can only be used with add, set and actions");
    return {};
  }

  Result<> read_one(const std::string& argument) {
    if (argument == "?") {
      line_.help = true;
      return {};
    }
    if (takes_text(line_.words)) return read_text(argument);
    const bool standard_input = argument == "-" && line_.words == std::vector<std::string>{"cubes"};
    if (argument[0] == '-' && !standard_input && !is_negative_number(argument)) return read_flag(argument);
    const auto verb = verb_of(argument);
    if (!verb && argument.find('=') != std::string::npos) return read_assignment(argument);
    if (!line_.assignments.empty())
      return fail(ErrorCode::malformed_message, "{} is not valid after {}", argument, previous_);
    if (!verb) {
      line_.words.push_back(argument);
      return {};
    }
    if (line_.verb != Verb::none)
      return fail(ErrorCode::malformed_message, "Multiple commands found: {} and {}", argument, to_string(line_.verb));
    line_.verb = *verb;
    return {};
  }

  Result<> read_text(const std::string& argument) {
    const bool simulates = line_.words[0] == "simulate";
    const auto value = [&](std::string_view flag) { return argument.substr(flag.size()); };
    if (std::exchange(awaits_count_, false)) return read_number(argument, "a number of packets", line_.options.count);
    if (argument == "--count" && !simulates) {
      awaits_count_ = true;
      return {};
    }
    if (argument.starts_with("--count=") && !simulates)
      return read_number(value("--count="), "a number of packets", line_.options.count);
    if (argument.starts_with("-packet=") && simulates)
      return read_number(value("-packet="), "the number of a packet, from 1 on", line_.options.packet);
    if (argument.starts_with("-pcap=") && simulates) {
      line_.options.pcap = value("-pcap=");
      return {};
    }
    if (argument == "-json" || argument == "-yaml") {
      line_.options.format = argument == "-json" ? Format::json : Format::yaml;
      return {};
    }
    // A filter may have a '-', as a word of its own or in front of a number.
    if (argument.size() > 1 && argument[0] == '-' && !is_negative_number(argument))
      return fail(ErrorCode::malformed_message, "{} is not a valid flag", argument);
    line_.words.push_back(argument);
    return {};
  }

  static Result<> read_number(const std::string& text, std::string_view what, std::optional<std::uint64_t>& to) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number == 0)
      return fail(ErrorCode::malformed_message, "'{}' is not {}", text, what);
    to = number;
    return {};
  }

  Result<> read_assignment(const std::string& argument) {
    // The first '=' separates; filters and programs hold more of them.
    const auto equal = argument.find('=');
    auto key = argument.substr(0, equal);
    if (key.empty()) return fail(ErrorCode::malformed_message, "{} is not a valid format", argument);
    if (std::ranges::find(line_.assignments, key, &std::pair<std::string, std::string>::first) !=
        line_.assignments.end())
      return fail(ErrorCode::malformed_message, "Duplicated values for {}", key);
    line_.assignments.emplace_back(std::move(key), argument.substr(equal + 1));
    return {};
  }

  Result<> read_flag(const std::string& flag) {
    if (flag == "-f") {
      if (line_.file) return fail(ErrorCode::malformed_message, "Duplicated values for -f");
      awaits_file_ = true;
      return {};
    }
    auto& options = line_.options;
    if (flag == "-log") {
      options.whole_log = true;
      return {};
    }
    if (flag == "--dry-run" || flag == "--prune" || flag.starts_with("-comment=")) return read_plan_flag(flag);
    const bool hide = flag.starts_with("-hide=");
    const bool interval = flag.starts_with("-interval=");
    const bool form = flag == "-normal" || flag == "-brief" || flag == "-verbose" || flag == "-json" || flag == "-yaml";
    if (!hide && !interval && !form) return fail(ErrorCode::malformed_message, "{} is not a valid flag", flag);
    const bool topology = !line_.words.empty() && line_.words[0] == "topology";
    const bool implied = line_.verb == Verb::none && shows_by_default(line_.words);
    if (line_.verb != Verb::show && !implied)
      return fail(ErrorCode::malformed_message, "{} can only be used with show command", flag);
    if (interval && !topology) return fail(ErrorCode::malformed_message, "{} can only be used with topology", flag);
    if (interval) return read_interval(flag);
    if (hide) {
      auto paths = split_commas(std::string_view(flag).substr(6));
      if (paths.empty()) return fail(ErrorCode::malformed_message, "{} is not a valid flag", flag);
      options.tabular = true;
      options.hide.insert(options.hide.end(), paths.begin(), paths.end());
      return {};
    }
    if (form_) return fail(ErrorCode::malformed_message, "{} and {} cannot be used together", *form_, flag);
    form_ = flag;
    if (flag == "-json" || flag == "-yaml") {
      options.format = flag == "-json" ? Format::json : Format::yaml;
      format_flag_ = flag;
      return {};
    }
    options.tabular = true;
    options.detail = flag == "-brief" ? Detail::brief : flag == "-verbose" ? Detail::verbose : Detail::normal;
    return {};
  }

  Result<> read_plan_flag(const std::string& flag) {
    if (!is_about_configuration(line_.words))
      return fail(ErrorCode::malformed_message, "{} can only be used with apply, diff, load and rollback", flag);
    if (flag == "--prune" && !takes_whole_configuration(line_.words))
      return fail(ErrorCode::malformed_message, "{} can only be used with apply, diff and load", flag);
    auto& options = line_.options;
    if (flag == "--dry-run")
      options.dry_run = true;
    else if (flag == "--prune")
      options.prune = true;
    else
      options.comment = flag.substr(std::string_view("-comment=").size());
    return {};
  }

  Result<> read_interval(const std::string& flag) {
    const auto text = std::string_view(flag).substr(std::string_view("-interval=").size());
    double seconds = 0;
    if (text != "none") {
      const auto end = text.data() + text.size();
      const auto parsed = std::from_chars(text.data(), end, seconds);
      if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(seconds) || seconds < 0.05 || seconds > 3600)
        return fail(ErrorCode::malformed_message, "{} is not a valid flag: give 0.05 to 3600 seconds, or none", flag);
    }
    line_.options.interval = seconds;
    return {};
  }

  CommandLine line_;
  std::string previous_;
  bool awaits_file_ = false;                ///< the argument before was -f
  bool awaits_count_ = false;               ///< the argument before was --count
  std::optional<std::string> form_;         ///< -normal, -brief, -verbose, -json or -yaml
  std::optional<std::string> format_flag_;  ///< -json or -yaml
};

}  // namespace

std::string_view to_string(Verb verb) {
  for (const auto& [name, candidate] : verbs)
    if (candidate == verb) return name;
  return "";
}

bool shows_by_default(const std::vector<std::string>& words) {
  if (words.empty()) return false;
  const bool only_shown = words[0] == "netdevs" || words[0] == "topology" || words[0] == "services" ||
                          words[0] == "history" || words[0] == "metrics" || words[0] == "status" ||
                          words[0] == "events";
  return only_shown || (words.size() == 1 && (words[0] == "cubes" || words[0] == "version"));
}

bool takes_text(const std::vector<std::string>& words) {
  return !words.empty() && (words[0] == "trace" || words[0] == "simulate");
}

bool takes_whole_configuration(const std::vector<std::string>& words) {
  return !words.empty() && (words[0] == "apply" || words[0] == "diff" || words[0] == "load");
}

bool is_about_configuration(const std::vector<std::string>& words) {
  return takes_whole_configuration(words) || (!words.empty() && words[0] == "rollback");
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments[0] == "-h" || arguments[0] == "--help")) {
    CommandLine line;
    line.help = true;
    return line;
  }
  PCN_ASSIGN(auto line, Reader().read(arguments));
  if (arguments.empty()) line.help = true;
  return line;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xc2 ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    // Overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629, 4).
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f))
      return false;
    i += length;
  }
  return true;
}

}  // namespace polycube::cli
