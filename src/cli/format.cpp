// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "cli/document.h"

namespace polycube::cli {
namespace {

using Cells = std::vector<std::string>;

bool is_list(const Json& value) {
  return value.is_array() && std::ranges::any_of(value, [](const Json& item) { return item.is_structured(); });
}
bool is_leaf_list(const Json& value) {
  // [null] is the value of an empty leaf (RFC 7951, 6.9).
  return value.is_array() && !is_list(value) && !(value.size() == 1 && value[0].is_null());
}

std::string scalar(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<nil>";
  if (value.is_number_float()) return fmt::format("{:.6f}", value.get<double>());
  if (value.is_array() && value.size() == 1 && value[0].is_null()) return "";
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string cell(const Json& value) {
  if (!is_leaf_list(value)) return printable(scalar(value));
  Cells items;
  for (const auto& item : value) items.push_back(printable(scalar(item)));
  return fmt::format("{}", fmt::join(items, ","));
}

std::string count(const Json& list) { return fmt::format("[{} items]", list.size()); }

void add_unique(Cells& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

/// The members that entries of a list have, in the order in which they occur: an entry that lacks a member in the
/// middle does not push it to the end.
Cells members_of(const Json& list) {
  Cells names;
  for (const auto& entry : list) {
    if (!entry.is_object()) continue;
    std::size_t place = 0;
    for (const auto& [name, value] : entry.items()) {
      const auto found = std::ranges::find(names, name);
      if (found == names.end()) {
        names.insert(names.begin() + static_cast<std::ptrdiff_t>(place++), name);
      } else {
        place = static_cast<std::size_t>(found - names.begin()) + 1;
      }
    }
  }
  return names;
}

const Json* member(const Json& entry, const std::string& name) {
  if (!entry.is_object()) return nullptr;
  const auto found = entry.find(name);
  return found == entry.end() ? nullptr : &*found;
}

/// How one member of a list's entries is shown: as one column, or as the columns of a nested list.
struct Column {
  std::string name;
  std::vector<std::string> nested;  ///< columns of the nested list, when it is expanded
};

std::vector<Column> columns_of(const Json& list, Detail detail) {
  std::vector<Column> columns;
  std::vector<Column> lists;
  for (const auto& name : members_of(list)) {
    bool container = false;
    bool nested = false;
    Cells inner;
    for (const auto& entry : list) {
      const auto* value = member(entry, name);
      if (value == nullptr) continue;
      container |= value->is_object();
      if (is_list(*value)) {
        nested = true;
        for (const auto& leaf : members_of(*value))
          if (std::ranges::none_of(*value, [&](const Json& item) {
                const auto* m = member(item, leaf);
                return m != nullptr && m->is_object();
              }))
            add_unique(inner, leaf);
      }
    }
    if (container) continue;  // containers of an entry are not shown in tables
    const bool expand = nested && detail == Detail::verbose;
    (nested ? lists : columns).push_back({name, expand ? inner : Cells{}});
  }
  columns.insert(columns.end(), lists.begin(), lists.end());
  return columns;
}

Cells heading(const std::vector<Column>& columns) {
  Cells cells;
  for (const auto& column : columns) {
    if (column.nested.empty()) cells.push_back(column.name);
    for (const auto& leaf : column.nested) cells.push_back(fmt::format("{} ({})", leaf, column.name));
  }
  return cells;
}

std::string cell_of(const Json* value) {
  if (value == nullptr) return {};
  return is_list(*value) ? count(*value) : cell(*value);
}

/// The rows of one entry: one, and as many more as its longest expanded list needs.
void append_rows(const Json& entry, const std::vector<Column>& columns, std::vector<Cells>& rows) {
  std::size_t height = 1;
  for (const auto& column : columns)
    if (const auto* list = member(entry, column.name); list != nullptr && !column.nested.empty())
      height = std::max(height, list->size());
  for (std::size_t line = 0; line < height; ++line) {
    Cells cells;
    for (const auto& column : columns) {
      const auto* value = member(entry, column.name);
      if (column.nested.empty()) {
        cells.push_back(line == 0 ? cell_of(value) : std::string());
        continue;
      }
      for (const auto& leaf : column.nested)
        cells.push_back(value != nullptr && line < value->size() ? cell_of(member((*value)[line], leaf))
                                                                 : std::string());
    }
    rows.push_back(std::move(cells));
  }
}

std::string list_text(const Json& list, Detail detail, const std::string& indent) {
  if (list.empty()) return {};
  const auto columns = columns_of(list, detail);
  std::vector<Cells> rows{heading(columns)};
  for (const auto& entry : list) append_rows(entry, columns, rows);
  return table(rows, indent);
}

std::string leaf_list_text(const Json& values, const std::string& indent) {
  std::string text;
  for (const auto& value : values) text += indent + printable(scalar(value)) + "\n";
  return text;
}

std::string object_text(const Json& object, Detail detail, const std::string& indent) {
  std::string leaves;
  std::string containers;
  std::string lists;
  for (const auto& [name, value] : object.items()) {
    if (name == "_links") continue;
    if (value.is_object()) {
      const auto content = object_text(value, detail, indent + " ");
      if (!content.empty()) containers += indent + name + ":\n" + content;
    } else if (is_list(value) && detail == Detail::brief) {
      lists += indent + name + ": " + count(value) + "\n";
    } else if (is_list(value)) {
      lists += "\n" + indent + name + ":\n" + list_text(value, detail, indent + " ");
    } else if (is_leaf_list(value)) {
      if (!value.empty()) lists += "\n" + indent + name + ":\n" + leaf_list_text(value, indent + " ");
    } else {
      const auto text = scalar(value);
      leaves += indent + name + ":" + (text.empty() ? "" : " " + text) + "\n";
    }
  }
  return leaves + containers + lists;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string printable(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      safe += "\\n";
    else if (c == '\t')
      safe += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      safe += fmt::format("\\x{:02x}", byte);
    else
      safe += c;
  }
  return safe;
}

std::string table(const std::vector<Cells>& rows, const std::string& indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - display_width(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string to_text(const Json& value, Detail detail) {
  if (value.is_object()) return object_text(value, detail, "") + "\n";
  if (is_list(value))
    // Shown by itself, a brief list still says which entries there are.
    return list_text(value, detail, "") + "\n";
  if (is_leaf_list(value)) return leaf_list_text(value, "");
  return scalar(value) + "\n";
}

void hide(Json& value, std::string_view path) {
  if (value.is_array()) {
    for (auto& item : value) hide(item, path);
    return;
  }
  if (!value.is_object()) return;
  const auto hide_below = [&](std::string_view head, std::string_view tail) {
    if (const auto found = value.find(std::string(head)); found != value.end()) hide(*found, tail);
  };
  if (value.contains(std::string(path))) {
    value.erase(std::string(path));
    return;
  }
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1))
    hide_below(path.substr(0, dot), path.substr(dot + 1));
}

std::string render(Json value, const Options& options) {
  if (options.format == Format::json) return to_json_text(value);
  if (options.format == Format::yaml) return to_yaml(value);
  for (const auto& path : options.hide) hide(value, path);
  return to_text(value, options.detail);
}

}  // namespace polycube::cli
