// SPDX-License-Identifier: Apache-2.0
#include <cctype>
#include <map>
#include <unordered_map>

#include "base/near_matches.h"
#include "model/builder.h"
#include "model/candidate.h"
#include "model/text.h"

namespace polycube::model {

namespace {

/// Values that a leafref may have, with the leaf that has each.
using Targets = std::unordered_map<std::string_view, const lyd_node*>;

void collect(Targets& targets, const lyd_node* siblings, const std::vector<const lysc_node*>& down, std::size_t level) {
  if (!siblings) return;
  const bool last = level + 1 == down.size();
  lyd_node* node = (down[level]->nodetype & (LYS_LIST | LYS_LEAFLIST)) ? first_instance(siblings, down[level])
                                                                       : find_single(siblings, down[level]);
  for (; node; node = next_instance(node)) {
    if (last)
      targets.emplace(text_of(node), node);
    else
      collect(targets, lyd_child(node), down, level + 1);
  }
}

/// Target sets of one state of a cube, made once for each place that references start from.
class TargetSets {
 public:
  explicit TargetSets(const lyd_node* forest) : forest_(forest) {}

  /// `ancestor`: where the reference starts, null for the forest.
  const Targets& at(const lyd_node* ancestor, const Reference& reference) {
    const auto [entry, added] = sets_.try_emplace({ancestor, reference.down.back()});
    if (added) collect(entry->second, ancestor ? lyd_child(ancestor) : forest_, reference.down, 0);
    return entry->second;
  }

  [[nodiscard]] const lyd_node* forest() const { return forest_; }

 private:
  const lyd_node* forest_;
  std::map<std::pair<const lyd_node*, const lysc_node*>, Targets> sets_;
};

const lyd_node* start_of(const lyd_node* leaf, const Reference& reference) {
  if (reference.absolute) return nullptr;
  const lyd_node* node = leaf;
  for (unsigned i = 0; node && i < reference.up; ++i) node = lyd_parent(node);
  return node;
}

/// What the target of a reference is called: "port" for ports/name.
std::string target_noun(const Reference& reference) {
  const lysc_node* list = data_parent(reference.down.back());
  return list && list->nodetype == LYS_LIST ? singular(list->name) : reference.down.back()->name;
}

std::string holder(const lyd_node* leaf) {
  const lyd_node* node = leaf;
  while (node && node->schema->nodetype != LYS_LIST) node = lyd_parent(node);
  if (!node || !lyd_parent(node)) return leaf->schema->name;
  std::string keys;
  for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next)
    keys += (keys.empty() ? "" : " ") + std::string(text_of(key));
  return fmt::format("{} '{}'", node->schema->name, keys);
}

class Resolver {
 public:
  Resolver(lyd_node* cube, const lyd_node* before, const Schema::Details& details)
      : details_(details), now_(cube), before_(before) {}

  /// Collects the entries that are to go; stops at the first reference that is refused.
  Result<> visit(lyd_node* node) {
    if (!details_.above_references.count(node->schema)) return {};
    if (node->schema->nodetype & LYD_NODE_TERM) return check(node);
    for (lyd_node* child = lyd_child(node); child; child = child->next) {
      PCN_TRY(visit(child));
      if (is_going(node)) break;
    }
    return {};
  }

  std::vector<lyd_node*>& gone() { return gone_; }

 private:
  /// Whether the entry that was found last is the node or holds it: nothing more in it is to be visited.
  bool is_going(const lyd_node* node) const {
    while (node && !gone_.empty() && node != gone_.back()) node = lyd_parent(node);
    return node && !gone_.empty();
  }

  /// Whether the request itself names the leaf; keys come with their entry.
  static bool is_named(const lyd_node* leaf) { return leaf->priv || (is_key(leaf->schema) && lyd_parent(leaf)->priv); }

  Result<> check(lyd_node* leaf) {
    const Reference& reference = details_.references.at(leaf->schema);
    const lyd_node* start = start_of(leaf, reference);
    if (now_.at(start, reference).count(text_of(leaf))) return {};
    const lyd_node* removed = is_named(leaf) ? nullptr : removed_target(leaf, start, reference);
    if (!removed) {
      std::string noun = target_noun(reference);
      noun[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(noun[0])));
      return at(Error{ErrorCode::data_missing,
                      fmt::format("{} {} does not exist{}", noun, shorten(text_of(leaf)),
                                  near_keys(text_of(leaf), now_.at(start, reference))),
                      {},
                      {}},
                api_path(leaf));
    }
    if (reference.follows) {
      // check_extensions() has seen to it that the leaf is in a list.
      lyd_node* entry = lyd_parent(leaf);
      while (entry->schema->nodetype != LYS_LIST) entry = lyd_parent(entry);
      gone_.push_back(entry);
      return {};
    }
    const lyd_node* owner = lyd_parent(removed) && is_key(removed->schema) ? lyd_parent(removed) : removed;
    return at(Error{ErrorCode::in_use,
                    fmt::format("{} {} is used by {}", target_noun(reference), text_of(leaf), holder(leaf)),
                    {},
                    {}},
              api_path(owner));
  }

  /// The leaf that had the value before the edit, or null.
  const lyd_node* removed_target(const lyd_node* leaf, const lyd_node* start, const Reference& reference) {
    if (!before_.forest()) return nullptr;
    const lyd_node* old_start = start ? counterpart(before_.forest(), start) : nullptr;
    if (start && !old_start) return nullptr;
    const Targets& targets = before_.at(old_start, reference);
    const auto found = targets.find(text_of(leaf));
    return found == targets.end() ? nullptr : found->second;
  }

  const Schema::Details& details_;
  TargetSets now_;
  TargetSets before_;
  std::vector<lyd_node*> gone_;
};

/// Whether a leaf at `path` below `node` has one of the values.
bool has_value(const lyd_node* node, const std::vector<const lysc_node*>& path, std::size_t level,
               const Targets& values) {
  lyd_node* child = first_instance(lyd_child(node), path[level]);
  for (; child; child = next_instance(child)) {
    if (level + 1 == path.size() ? values.count(text_of(child)) != 0 : has_value(child, path, level + 1, values))
      return true;
  }
  return false;
}

/// Whether the node is in a cube of this kind; it may come from another module that augments the cube.
bool is_below(const lysc_node* node, const lysc_node* cube) {
  while (node && node != cube) node = data_parent(node);
  return node != nullptr;
}

/// Where an outward reference starts: the same node for all entries of the list, since it is above them.
lyd_node* start_of(lyd_node* cube, const OutwardReference& outward) {
  if (outward.reference->absolute) return nullptr;
  const lysc_node* schema = outward.reference->leaf;
  for (unsigned i = 0; schema && i < outward.reference->up; ++i) schema = data_parent(schema);
  return schema ? only_instance(cube, schema) : nullptr;
}

/// Fetches the entries that refer to what the edit removed.
Result<> fetch_dangling(WorkingCopy& cube) {
  if (!cube.before()) return {};
  TargetSets now(cube.now().forest());
  TargetSets before(cube.before()->forest());
  for (const auto& outward : cube.now().schema()->details().outward) {
    if (!is_below(outward.list, cube.now().forest()->schema)) continue;
    const Reference& reference = *outward.reference;
    const Targets& left = now.at(start_of(cube.now().forest(), outward), reference);
    Targets removed = before.at(start_of(cube.before()->forest(), outward), reference);
    std::erase_if(removed, [&](const auto& target) { return left.count(target.first) != 0; });
    if (removed.empty()) continue;
    PCN_TRY(
        cube.fetch_if(outward.list, [&](const lyd_node* entry) { return has_value(entry, outward.path, 0, removed); }));
  }
  return {};
}

}  // namespace

Result<> resolve_references(WorkingCopy& cube) {
  const Schema::Details& details = cube.now().schema()->details();
  const lyd_node* before = cube.before() ? cube.before()->forest() : nullptr;
  // What goes away may have been the target of others, so once more until nothing goes.
  for (;;) {
    PCN_TRY(fetch_dangling(cube));
    Resolver resolver(cube.now().forest(), before, details);
    PCN_TRY(resolver.visit(cube.now().forest()));
    if (resolver.gone().empty()) return {};
    for (lyd_node* entry : resolver.gone()) lyd_free_tree(entry);
  }
}

}  // namespace polycube::model
