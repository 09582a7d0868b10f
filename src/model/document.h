// SPDX-License-Identifier: Apache-2.0
/// Documents that say what cubes are to be.
/// Why: what was shown or saved, or written by hand, can be applied again: a cube becomes what the document says of it.
/// Threading: pure functions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/datastore.h"
#include "model/flat_changes.h"

namespace polycube::model {

struct Document {
  std::vector<Edit> edits;  ///< one PUT for each cube
  std::set<CubeId> cubes;
  /// Of transparent cubes that say in front of what they are, "" for nothing.
  std::map<std::string, std::string> parents;
  /// Transparent cubes in front of ports that say so, from the port on, by "cube:port".
  std::map<std::string, std::vector<std::string>> chains;
};

/// A JSON object with services as members ("router" or "router:router"), arrays of cubes as values; RESTCONF's
/// "ietf-restconf:data" around it is taken off. State in it, which `show` prints as well, is left out, but for `parent` and
/// `tcubes`. Errors: malformed_message, unknown_element (a service), invalid_value (a cube twice, or without a name).
[[nodiscard]] Result<Document> read_document(const Schema& schema, std::string_view json);

/// The edit that makes a cube of these instances (Change::after), as flat_changes() of a new one gives them, of what is there.
/// Errors: as datastore_body().
[[nodiscard]] Result<Edit> replacing_edit(const Schema& schema, const CubeId& cube, const control::Changes& instances);

/// The instances of a cube after these changes; none when it does not exist.
[[nodiscard]] control::Changes changed(control::Changes instances, const control::Changes& changes);

/// What changes amount to that remove all instances and then create all: those that are the same in both are left out.
[[nodiscard]] control::Changes difference(const control::Changes& changes);

/// Lines that tell a person what changes do: "create router r1 ports p1 (peer=veth1)", "rewire ...", "change ...", "remove ...".
[[nodiscard]] std::vector<std::string> describe(const CubeId& cube, const control::Changes& changes);

}  // namespace polycube::model
