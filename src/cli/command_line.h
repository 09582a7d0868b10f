// SPDX-License-Identifier: Apache-2.0
/// A command line taken apart, before any model is asked.
/// Why: which word is a verb, a flag, an assignment or part of the path depends on the words alone, so it is decided in
/// one place that can be fuzzed.
/// Invariants: words, keys and values are valid UTF-8; words are not empty; no assignment key occurs twice.
/// Threading: plain values.
/// Source: the grammar is that of existing users' scripts; messages of refused forms are kept word by word.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace polycube::cli {

enum class Verb { none, add, set, show, del };
[[nodiscard]] std::string_view to_string(Verb verb);  ///< "" for none

enum class Detail { normal, brief, verbose };
enum class Format { text, json, yaml };

struct Options {
  Detail detail = Detail::normal;
  Format format = Format::text;
  std::vector<std::string> hide;        ///< dotted member paths
  bool tabular = false;                 ///< -normal, -brief, -verbose or -hide was given
  bool whole_log = false;               ///< of the verifier, when the kernel refuses a program
  bool dry_run = false;                 ///< only say what would be done
  bool prune = false;                   ///< cubes that are not in the document go
  std::optional<std::string> comment;   ///< for the history
  std::optional<std::uint64_t> count;   ///< of packets that are followed
  std::optional<std::string> pcap;      ///< file with the packet that is simulated
  std::optional<std::uint64_t> packet;  ///< which one of its packets, from 1 on
  std::optional<double> interval;       ///< seconds between the two reads of a rate; 0 = no rates
};

struct CommandLine {
  Verb verb = Verb::none;
  std::vector<std::string> words;  ///< the path, in order
  std::vector<std::pair<std::string, std::string>> assignments;
  std::optional<std::string> file;  ///< of the document, instead of standard input; "-" is standard input
  Options options;
  bool help = false;
};

/// Whether words without a command mean `show`: `cubes` alone, `topology` with or without a name.
[[nodiscard]] bool shows_by_default(const std::vector<std::string>& words);

/// Whether all words behind the first are one text, whatever is in them: the filter of `trace`, the packet of `simulate`.
[[nodiscard]] bool takes_text(const std::vector<std::string>& words);

/// Commands on the configuration as a whole: `apply`, `diff` and `load`, which take a document, `rollback`.
[[nodiscard]] bool takes_whole_configuration(const std::vector<std::string>& words);
[[nodiscard]] bool is_about_configuration(const std::vector<std::string>& words);

/// Errors: malformed_message with the text for the user.
[[nodiscard]] Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace polycube::cli
