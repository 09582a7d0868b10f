// SPDX-License-Identifier: Apache-2.0
#include "api/media_type.h"

#include <array>
#include <cstdlib>

namespace polycube::api {

namespace {

struct Known {
  std::string_view name;
  model::Format format;
};

/// The first of each format is what a wildcard stands for.
constexpr std::array<Known, 4> known_types = {{
    {yang_json, model::Format::json},
    {yang_xml, model::Format::xml},
    {"application/json", model::Format::json},
    {"text/json", model::Format::json},
}};

struct Range {
  std::string type;
  double quality = 1;
};

/// A qvalue (RFC 9110, 12.4.2): 0 to 1 with at most three decimals; anything else counts as 0, "not acceptable".
double parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return 0;
  if (text.size() > 1 && text[1] != '.') return 0;
  const double value = std::strtod(std::string(text).c_str(), nullptr);
  return value <= 1 ? value : 0;
}

std::vector<Range> parse_accept(std::string_view accept) {
  std::vector<Range> ranges;
  for (const auto item : split_list(accept, ',')) {
    const auto parts = split_list(item, ';');
    if (parts.empty()) continue;
    Range range{to_lower(parts[0])};
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parts[i].starts_with("q=") || parts[i].starts_with("Q=")) range.quality = parse_quality(parts[i].substr(2));
    }
    ranges.push_back(std::move(range));
  }
  return ranges;
}

/// How exactly a range names the type: 0 not at all, 1 for "*/*", 2 for "application/*", 3 for the type itself.
int specificity(std::string_view range, std::string_view type) {
  if (range == type) return 3;
  if (range == "*/*") return 1;
  return range.ends_with("/*") && type.starts_with(range.substr(0, range.size() - 1)) ? 2 : 0;
}

struct Match {
  double quality = 0;
  int specificity = 0;
};

/// The most specific range that names the type decides (RFC 9110, 12.5.1).
Match match(const std::vector<Range>& ranges, std::string_view type) {
  Match best;
  for (const auto& range : ranges) {
    const int exact = specificity(range.type, type);
    if (exact > best.specificity) best = {range.quality, exact};
  }
  return best;
}

}  // namespace

std::optional<model::Format> body_format(const Headers& headers) {
  const auto header = find_header(headers, "Content-Type");
  if (!header || trim(*header).empty()) return model::Format::json;
  const auto parts = split_list(*header, ';');
  if (parts.empty()) return std::nullopt;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto parameter = to_lower(parts[i]);
    if (!parameter.starts_with("charset=")) continue;
    if (parameter != "charset=utf-8" && parameter != "charset=\"utf-8\"") return std::nullopt;
  }
  const auto type = to_lower(parts[0]);
  for (const auto& known : known_types) {
    if (known.name == type) return known.format;
  }
  return std::nullopt;
}

double acceptance(const Headers& headers, std::string_view type) {
  const auto accept = find_header(headers, "Accept");
  return !accept || trim(*accept).empty() ? 1 : match(parse_accept(*accept), type).quality;
}

std::optional<MediaType> negotiate(const Headers& headers, model::Format fallback, std::optional<model::Format> only) {
  const auto accept = find_header(headers, "Accept");
  if (!accept || trim(*accept).empty())
    return MediaType{fallback == model::Format::xml ? yang_xml : yang_json, fallback};
  const auto ranges = parse_accept(*accept);
  const Known* best = nullptr;
  Match best_match;
  for (const auto& known : known_types) {
    if (only && known.format != *only) continue;
    const auto found = match(ranges, known.name);
    if (found.quality <= 0) continue;
    // A plain JSON type is given only to a client that asks for it by name.
    if (known.name != yang_json && known.name != yang_xml && found.specificity < 3) continue;
    const bool better = found.quality > best_match.quality || (found.quality == best_match.quality && best != nullptr &&
                                                               best->format != fallback && known.format == fallback);
    if (best != nullptr && !better) continue;
    best = &known;
    best_match = found;
  }
  if (best == nullptr) return std::nullopt;
  return MediaType{std::string(best->name), best->format};
}

}  // namespace polycube::api
