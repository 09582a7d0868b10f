// SPDX-License-Identifier: Apache-2.0
/// The running configuration: one data tree per cube.
/// Why: a request costs in proportion to the cubes it touches, not to the machine's whole configuration; models cannot
/// refer across cubes (peers are checked by the topology).
/// Invariants: every tree is valid and holds its defaults (implicit nodes); trees change in publish() only.
/// Threading: not synchronised; the controller serialises edits and guards reads (service/controller.h): publish()
/// alone, everything else side by side.
/// Source: RFC 8040 (RESTCONF) sections 3.5, 4 and 4.8; RFC 6243 (with-defaults); RFC 7951 (JSON).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/data_tree.h"

namespace polycube::model {

enum class Format { json, xml };
enum class Content { all, config, nonconfig };
enum class WithDefaults { report_all, trim, explicit_, report_all_tagged };

/// RESTCONF edit methods on a data resource.
enum class Method { post, put, patch, remove };

struct Edit {
  Method method = Method::post;
  std::string path;  ///< RFC 8040 api-path below {+restconf}/data, percent-encoded, without leading '/'; "" = datastore
  std::string body;
  Format format = Format::json;
};

struct CubeId {
  std::string service;
  std::string name;
  auto operator<=>(const CubeId&) const = default;
};

using CubeTree = std::shared_ptr<const DataTree>;

/// The access rules, container ietf-netconf-acm:nacm: a tree of their own, which is always there, as that of a cube.
inline const CubeId access_id{"ietf-netconf-acm", "nacm"};

/// What an edit leads to. `before` or `after` is null for a created or deleted cube. Cubes that do not change are not
/// listed, so an edit without effect has no changes.
struct Candidate {
  struct Change {
    CubeTree before;
    CubeTree after;
    /// Both trees leave out the same entries of lists that are bound to tables or marked pcn:state: some of those that the
    /// edit does not touch. What is outside of such lists, the ports above all, is whole.
    bool selection = false;
  };
  std::map<CubeId, Change> changes;
  std::optional<Change> access;  ///< of the access rules; no selection
  bool created = false;          ///< the target resource was created (201) rather than changed (204)
  std::string location;          ///< POST: api-path of the created resource
};

/// One step of a parsed api-path: node name and, for list entries, the decoded key values.
struct PathStep {
  std::string module;  ///< empty when the step has no prefix (same module as its parent)
  std::string name;
  std::vector<std::string> keys;
};

/// Parses the api-path (RFC 8040, 3.5.3): percent-decoding, list keys after '=', separated by ','.
/// Errors: malformed_message.
[[nodiscard]] Result<std::vector<PathStep>> parse_path(std::string_view path);

/// Percent-encodes one key value for an api-path.
[[nodiscard]] std::string encode_key(std::string_view key);

struct ReadOptions {
  Content content = Content::all;
  std::optional<unsigned> depth;  ///< nullopt = unbounded; 1..65535
  WithDefaults with_defaults = WithDefaults::report_all;
  Format format = Format::json;
};

class Datastore {
 public:
  explicit Datastore(std::shared_ptr<const Schema> schema);

  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const { return schema_; }
  [[nodiscard]] const std::map<CubeId, CubeTree>& cubes() const { return cubes_; }
  [[nodiscard]] const CubeTree& access() const { return access_; }
  [[nodiscard]] const CubeTree* find(std::string_view name) const;  ///< a cube of any service

  /// Candidate of an edit: parsed, applied to copies of the touched cubes, completed with defaults and validated
  /// (types, must, when, leafref, mandatory, unique, min/max-elements, init-only leaves). Nothing changes here.
  /// POST creates and refuses what exists; on the datastore it takes any number of cubes, all or none. PUT replaces,
  /// PATCH merges (plain patch, RFC 8040 4.6.1) into what must exist, except for leaves, and for cubes in the body of a
  /// PATCH of the datastore or of a whole service; DELETE removes. State data cannot be edited. PUT, PATCH and DELETE
  /// of a list without keys mean all of its entries. The access rules are replaced only by who names them. Entries that follow (pcn:follows) something removed are removed
  /// with it.
  /// Errors carry the api-path of the node at fault.
  [[nodiscard]] Result<Candidate> edit(const Edit& edit) const;

  /// Several edits, in order, as one candidate.
  [[nodiscard]] Result<Candidate> edit(const std::vector<Edit>& edits) const;

  /// Makes a candidate the running configuration. What it changes is moved out of the candidate: of its changes only
  /// remains whether there was a cube before and is one after. A tree that somebody else holds is copied first.
  void publish(Candidate& candidate);

  /// The same configuration by another schema, which has the modules of all cubes. Errors: as DataTree::duplicate_to().
  [[nodiscard]] Result<Datastore> moved_to(std::shared_ptr<const Schema> schema) const;

 private:
  std::shared_ptr<const Schema> schema_;
  std::map<CubeId, CubeTree> cubes_;
  CubeTree access_;
};

/// Prints the resource at `path` of a forest that holds it (config and state already merged), cut by the options.
/// `depth` counts from the target, which is level 1 (RFC 8040, 4.8.2); what lies at the last level is printed without
/// children, but list entries with their keys, without which they are no instances (RFC 7950, 7.8.2). A list without
/// keys in the path prints all its entries, and counts as missing when it has none. State is not subject to `explicit`.
/// `path` "" prints {"ietf-restconf:data":{...}}. Errors: not_found (no such instance), unknown_element (no such node
/// in the model), malformed_message.
[[nodiscard]] Result<std::string> print(const DataTree& forest, std::string_view path, const ReadOptions& options);

/// Whether the path names a node of the schema, and which kind of thing it is.
struct Target {
  enum class Kind { datastore, data, action } kind = Kind::datastore;
  std::vector<PathStep> steps;
  bool config = true;
  std::optional<CubeId> cube;  ///< the cube that the path is in, when it is inside one
};
[[nodiscard]] Result<Target> resolve(const Schema& schema, std::string_view path);

/// A copy of the part of a cube's tree that print() needs for a target in it or above it, so that the rest, which may be
/// 10,000 entries, is not copied. What the target names need not exist.
[[nodiscard]] Result<DataTree> part(const DataTree& cube, const Target& target, std::optional<unsigned> depth);

/// The first entry of a list on the way to the target that a cube's configuration does not have, as an api-path. Entries of
/// lists to which tables or the control plane may add are not looked for.
[[nodiscard]] Result<std::optional<std::string>> missing_entry(const DataTree& cube, const Target& target);

/// What an action or RPC is invoked with.
struct Invocation {
  std::string node;                           ///< path of an action below the cube, without prefixes; name of an RPC
  std::vector<std::string> keys;              ///< of the lists in that path, canonical
  std::map<std::string, std::string> leaves;  ///< of the input, see control::Cube::action
};

/// Input of an action (`path` = api-path of the action) or RPC (`path` = "module:rpc"): unwraps {"module:input":{...}},
/// checks it against the model, fills in defaults.
[[nodiscard]] Result<Invocation> parse_input(const Schema& schema, std::string_view path, std::string_view body,
                                             Format format);

/// What an action or RPC answers: leaves, and containers and entries of lists, in this order.
struct Output {
  std::vector<std::pair<std::string, std::string>> leaves = {};  ///< entries of a leaf-list have the same name
  std::vector<std::pair<std::string, Output>> nodes = {};  ///< entries of a list have the same name; it has no key

  void add(std::string name, std::string value) { leaves.emplace_back(std::move(name), std::move(value)); }
  Output& add_node(std::string name) { return nodes.emplace_back(std::move(name), Output()).second; }
  void add_node(std::string name, Output node) { nodes.emplace_back(std::move(name), std::move(node)); }
};

/// Body {"module:output":{...}} of the output of an action or RPC; empty string when there is none.
[[nodiscard]] Result<std::string> print_output_tree(const Schema& schema, std::string_view path, const Output& output,
                                                    Format format);
/// The same of leaves.
[[nodiscard]] Result<std::string> print_output(const Schema& schema, std::string_view path,
                                               const std::map<std::string, std::string>& leaves, Format format);

}  // namespace polycube::model
