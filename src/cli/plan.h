// SPDX-License-Identifier: Apache-2.0
/// What a command asks of the daemon, as a value.
/// Why: deciding is kept apart from sending: every form of the grammar is tested without a daemon.
/// Invariants: request paths are complete and percent-encoded; bodies are valid JSON or empty.
/// Threading: pure functions.
/// Source: RFC 8040, 4 (methods) and 3.6 (operations).
#pragma once

#include <optional>
#include <string>

#include "cli/command_line.h"
#include "cli/path.h"

namespace polycube::cli {

struct Request {
  std::string method;
  std::string path;  ///< from the root of the server, with query
  std::string body;  ///< JSON, or empty
};

struct Plan {
  enum class Reply {
    nothing,  ///< success is silent
    data,     ///< a resource: unwrap and show
    output,   ///< the output of an action: unwrap and show
  };
  Request request;
  Reply reply = Reply::nothing;
  Target target;       ///< what the words name; empty for `connect`, `cubes add` and their like
  std::string parent;  ///< GET of what holds the target: tells an empty list from an absent cube; empty: the datastore
  bool may_be_empty = false;  ///< absence means that there are no entries, if `parent` exists
};

/// Whether the command takes a document, and whether it is nothing without one. Where it takes none, a file is refused by
/// make_plan().
enum class Input { none, optional, required };
[[nodiscard]] Input input_of(const CommandLine& line);

/// Commands on the tree of the services: `[service] cube ...`, and `connect`, `attach`, `cubes add` and their like.
/// `document` is what standard input or the file held. Errors: malformed_message (grammar), unknown_element, missing_element,
/// invalid_value, operation_not_supported (refused as the daemon would), or what `cubes` says.
[[nodiscard]] Result<Plan> make_plan(const Schema& schema, const CommandLine& line, const std::optional<Json>& document,
                                     const CubeLookup& cubes);

/// The cubes of a document, of whatever form, as the daemon's operation `apply` takes them. Errors: as make_plan().
[[nodiscard]] Result<Json> cubes_in(const Schema& schema, const Json& document, const CubeLookup& cubes);

/// GET of a target, as deep as the output needs.
[[nodiscard]] Plan read_plan(Target target, const Options& options);

/// Levels of RFC 8040's `depth` at and below `step` that the text form shows.
[[nodiscard]] int needed_depth(const Step& step, Detail detail);

}  // namespace polycube::cli
