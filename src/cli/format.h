// SPDX-License-Identifier: Apache-2.0
/// Replies as text.
/// Why: the form is what users' scripts read: a bare value for a leaf, `name: value` lines, one table row per entry.
/// Invariants: members keep the order they have in the value; control characters in tables never reach a terminal;
/// lines have no trailing spaces.
/// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/schema.h"

namespace polycube::cli {

/// Text of a value that came through from_wire(). A leaf is one line; objects and lists end with an empty line.
[[nodiscard]] std::string to_text(const Json& value, Detail detail);

/// In the form that the options ask for, with their hidden members left out.
[[nodiscard]] std::string render(Json value, const Options& options);

/// Leaves out the member at a dotted path, in every entry of the lists it leads through.
void hide(Json& value, std::string_view path);

/// Rows of cells as lines: columns padded to their widest cell and separated by two spaces.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows, const std::string& indent);

/// Columns that a text takes on a terminal.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// The text with control characters written as escapes.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace polycube::cli
