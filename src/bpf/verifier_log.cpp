// SPDX-License-Identifier: Apache-2.0
#include "bpf/verifier_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

namespace polycube::bpf {

namespace {

struct Hint {
  std::string_view words;  ///< of the reason
  std::string_view advice;
};

constexpr Hint hints[] = {
    {"map_value_or_null", "a lookup may find nothing: compare its result with NULL before using it"},
    {"mem_or_null", "the reservation may have failed: compare its result with NULL before using it"},
    {"invalid access to packet", "compare the end of what is read with ctx->data_end first"},
    {"offset is outside of the packet", "compare the end of what is read with ctx->data_end first"},
    {"BPF program is too large",
     "too many paths: fewer branches in loops, bpf_loop(), or another program behind a jump"},
    {"jumps is too complex", "too many open branches at once: split the program, or use bpf_loop()"},
    {"infinite loop detected", "a loop needs a constant bound that the verifier sees"},
    {"back-edge", "a loop needs a constant bound that the verifier sees"},
    {"combined stack size", "the stack has 512 bytes for all functions together: keep large values in a per-CPU array"},
    {"invalid write to stack", "the stack has 512 bytes: keep large values in a per-CPU array"},
    {"invalid read from stack", "not all bytes that are read were written: initialise the whole variable"},
    {"invalid indirect read from stack", "not all bytes that are passed were written: initialise the whole variable"},
    {"min value is negative",
     "the verifier does not know that the value is not negative: make it unsigned, or check it"},
    {"unbounded memory access", "the verifier knows no upper bound of the value: check it against a constant"},
    {"invalid access to map value", "the verifier knows no upper bound within the table's value: check the index"},
    {"R0 !read_ok", "a path ends without a return value"},
    {"Unreleased reference", "what was reserved or acquired must be submitted, discarded or released on every path"},
    {"unknown func", "this kernel does not have the helper"},
    {"cannot use helper", "the helper does not exist at this hook"},
    {"the call stack of", "at most eight functions may call each other: make them __always_inline"},
};

bool is_instruction(std::string_view line) {
  std::size_t digits = 0;
  while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits])) != 0) digits++;
  return digits > 0 && line.substr(digits).starts_with(": ");
}

// "; SOURCE @ FILE:LINE"
std::optional<std::pair<std::string, std::string>> source_of(std::string_view line) {
  if (!line.starts_with("; ")) return std::nullopt;
  line.remove_prefix(2);
  const std::size_t at = line.rfind(" @ ");
  if (at == std::string_view::npos) return std::pair(std::string(line), std::string());
  return std::pair(std::string(line.substr(0, at)), std::string(line.substr(at + 3)));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_of_author(const std::string& location) { return location.find(".h:") == std::string::npos; }

}  // namespace

VerifierFinding find_reason(std::string_view log) {
  VerifierFinding finding;
  std::vector<std::string_view> reasons;
  std::string author;
  for (const std::string_view line : lines_of(log)) {
    if (const auto source = source_of(line)) {
      std::tie(finding.source, finding.location) = *source;
      if (is_of_author(finding.location)) author = finding.location + ": " + finding.source;
      reasons.clear();
    } else if (is_instruction(line) || line.starts_with("from ")) {
      reasons.clear();
    } else if (!line.starts_with("processed ") && !line.starts_with("verification time ") &&
               !line.starts_with("stack depth ") && !line.starts_with("func#") &&
               line.find("arg#") == std::string_view::npos) {
      reasons.push_back(line);
    }
  }
  if (!is_of_author(finding.location)) finding.reached_from = author;
  for (const std::string_view reason : reasons)
    finding.reason += (finding.reason.empty() ? "" : "; ") + std::string(reason);
  const auto* hint = std::find_if(std::begin(hints), std::end(hints),
                                  [&](const Hint& one) { return finding.reason.find(one.words) != std::string::npos; });
  if (hint != std::end(hints)) finding.advice = hint->advice;
  return finding;
}

std::string explain(std::string_view log) {
  const VerifierFinding finding = find_reason(log);
  if (finding.reason.empty()) return {};
  std::string text;
  if (!finding.location.empty()) text += fmt::format("{}: `{}`: ", finding.location, finding.source);
  text += finding.reason;
  if (!finding.advice.empty()) text += fmt::format(" ({})", finding.advice);
  if (!finding.reached_from.empty()) text += fmt::format("; reached from {}", finding.reached_from);
  return text;
}

}  // namespace polycube::bpf
