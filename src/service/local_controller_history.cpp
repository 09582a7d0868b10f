// SPDX-License-Identifier: Apache-2.0
// What was configured when by whom; going back, and making the configuration what a document says.
#include <algorithm>
#include <ctime>

#include "model/state.h"
#include "service/cube_tree.h"
#include "service/local_controller.h"
#include "topology/chains.h"

namespace polycube::service {

namespace {

constexpr std::size_t shown_commits = 100;
constexpr std::size_t shown_among_others = 10;  // where somebody reads all that there is

std::string one_text(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "\n")); }

std::string utc(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

model::Edit removal_of(const model::CubeId& id) {
  return {model::Method::remove, path_of(id.service, id.name, "", ""), {}, model::Format::json};
}

bool is_true(const std::map<std::string, std::string>& input, const std::string& name) {
  const auto found = input.find(name);
  return found != input.end() && found->second == "true";
}

}  // namespace

// Tells those who follow the events of the transaction that was carried out.
void LocalController::announce_commit() {
  const auto commit = std::exchange(saved_commit_, std::nullopt);
  if (!commit || !events_.watched()) return;
  Event event{"configuration-change", {}};
  if (store_)
    if (const auto number = store_->last()) event.leaves.emplace_back("revision", std::to_string(*number));
  if (!commit->author.empty()) event.leaves.emplace_back("author", commit->author);
  if (!commit->comment.empty()) event.leaves.emplace_back("comment", commit->comment);
  event.leaves.emplace_back("changes", shown_text(describe(*commit)));
  events_.publish(std::move(event));
}

// Judged before it is read: it is hidden from most, and most of what a reply could show.
Result<> LocalController::add_history(model::DataTree& data, const Scope& scope, const Client& client) const {
  if (!store_ || !scope.covers({{"history"}, {"commit"}})) return {};
  PCN_ASSIGN(const bool permitted, model::may_access(*schema(), "polycube:history", model::Access::read,
                                                     *access_rules_.load(), subject_of(client)));
  if (!permitted) return {};
  PCN_ASSIGN(const std::vector<CommitSummary> commits,
             store_->summaries(scope.target().steps.empty() ? shown_among_others : shown_commits));
  for (const CommitSummary& commit : commits) {
    const std::string number = std::to_string(commit.number);
    if (!scope.covers({{"history"}, {"commit", number}})) continue;
    const std::string node = fmt::format("/polycube:history/commit[number='{}']", number);
    PCN_TRY(model::add_leaf(data, node + "/time", utc(commit.time)));
    if (!commit.author.empty()) PCN_TRY(model::add_leaf(data, node + "/author", commit.author));
    if (!commit.comment.empty()) PCN_TRY(model::add_leaf(data, node + "/comment", commit.comment));
    PCN_TRY(model::add_leaf(data, node + "/changes", commit.changes));
  }
  return {};
}

// Says what is done, and does it.
Result<std::string> LocalController::carry_out(model::Candidate& candidate, const Settings& settings, bool dry_run) {
  PCN_TRY(check_change(candidate, settings));
  PCN_ASSIGN(const topology::Topology after, topology_of(candidate, settings));
  std::vector<std::string> lines;
  if (candidate.access)
    lines = describe_access(
        model::flat_changes(candidate.access->before.get(), candidate.access->after.get(), model::Leaf::all));
  for (const auto& [id, change] : candidate.changes) {
    const bool stays = change.before && change.after;
    const auto described = model::describe(
        id, model::flat_changes(change.before.get(), change.after.get(), stays ? model::Leaf::all : model::Leaf::set));
    lines.insert(lines.end(), described.begin(), described.end());
  }
  const auto rewired = describe(chain_changes(topology_.chains, after.chains));
  lines.insert(lines.end(), rewired.begin(), rewired.end());
  std::string text = one_text(lines);
  for (const auto& [id, change] : candidate.changes)
    if (!change.before) PCN_TRY(check_name(id));
  if (dry_run) {
    PCN_TRY(judge(after));
  } else if (!lines.empty() || candidate.access) {
    PCN_TRY(commit(candidate, {}, settings));
  }
  return text;
}

// Where the document says so transparent cubes are in front of other parents, or in another order.
Result<LocalController::Chains> LocalController::chains_of(const model::Document& document,
                                                           topology::Topology after) const {
  const topology::Devices devices = host_devices();
  for (const auto& [cube, parent] : document.parents) {
    const std::string now = topology::parent_of(after, cube);
    if (now == parent) continue;
    if (!now.empty()) PCN_TRY(topology::detach(after, cube, now));
    if (parent.empty()) continue;
    auto done = topology::attach(after, cube, parent, topology::Position::automatic, devices);
    if (!done) done = topology::attach(after, cube, parent, topology::Position::last, devices);
    PCN_TRY(done);
  }
  for (const auto& [parent, order] : document.chains) {
    const auto chain = after.chains.find(parent);
    if (chain == after.chains.end() ||
        !std::is_permutation(order.begin(), order.end(), chain->second.begin(), chain->second.end()))
      continue;
    chain->second = order;
  }
  return after.chains;
}

Result<std::string> LocalController::apply(const std::map<std::string, std::string>& input) {
  PCN_ASSIGN(model::Document document, model::read_document(*schema(), input.at("configuration")));
  std::vector<model::Edit> edits;
  if (is_true(input, "prune"))
    for (const auto& [id, tree] : datastore_.cubes())
      if (!document.cubes.contains(id)) edits.push_back(removal_of(id));
  std::move(document.edits.begin(), document.edits.end(), std::back_inserter(edits));
  PCN_ASSIGN(model::Candidate candidate, datastore_.edit(edits));
  PCN_ASSIGN(topology::Topology after, topology_of(candidate, {}));
  Settings settings;
  PCN_ASSIGN(settings.chains, chains_of(document, std::move(after)));
  return carry_out(candidate, settings, is_true(input, "dry-run"));
}

// Going back begins with what runs; of a cube that does not, that is nothing, and nothing of what was saved would be left.
Result<> LocalController::check_restored(const std::vector<Commit>& commits) const {
  const auto concerns = [](const Commit& commit, const std::string& cube) {
    const auto names = [&](const auto& chain) {
      const auto& [before, after] = chain.second;
      return std::find(before.begin(), before.end(), cube) != before.end() ||
             std::find(after.begin(), after.end(), cube) != after.end();
    };
    return std::any_of(commit.changes.begin(), commit.changes.end(),
                       [&](const auto& change) { return change.first.name == cube; }) ||
           std::any_of(commit.chains.begin(), commit.chains.end(), names);
  };
  for (const Unrestored& missing : unrestored_)
    for (const Commit& commit : commits)
      if (concerns(commit, missing.cube.name))
        return fail(ErrorCode::in_use,
                    "change {} concerns cube {} ({}), which could not be restored: what is saved of it would be lost; "
                    "remove the reason first ({})",
                    commit.number, missing.cube.name, missing.cube.service, missing.reason);
  return {};
}

Result<std::string> LocalController::roll_back(const std::map<std::string, std::string>& input) {
  if (!store_) return fail(ErrorCode::operation_not_supported, "the daemon keeps no history (--transient)");
  const std::size_t count = std::stoul(input.at("count"));
  PCN_ASSIGN(const std::vector<Commit> commits, store_->history(count));
  if (commits.size() < count)
    return fail(ErrorCode::data_missing, "there are only {} changes in the history", commits.size());
  PCN_TRY(check_restored(commits));
  std::map<model::CubeId, control::Changes> back;  // in order
  std::optional<control::Changes> access;          // the rules as they were
  Settings settings{.restored = nullptr, .chains = topology_.chains};
  for (const Commit& commit : commits) {
    if (const auto rules = commit.changes.find(model::access_id); rules != commit.changes.end())
      access = model::reversed(rules->second);
    for (const auto& [id, changes] : commit.changes)
      if (id != model::access_id)
        for (control::Change& change : model::reversed(changes)) back[id].push_back(std::move(change));
    for (const auto& [parent, sides] : commit.chains) (*settings.chains)[parent] = sides.first;
  }
  std::erase_if(*settings.chains, [](const auto& chain) { return chain.second.empty(); });
  // Deleted ones first: another service may have had a cube by the same name.
  std::vector<model::Edit> edits;
  std::vector<model::Edit> written;
  for (const auto& [id, changes] : back) {
    const auto running = datastore_.cubes().find(id);
    const bool exists = running != datastore_.cubes().end();
    const control::Changes instances = model::changed(
        model::flat_changes(nullptr, exists ? running->second.get() : nullptr, model::Leaf::set), changes);
    if (!instances.empty()) {
      PCN_ASSIGN(model::Edit edit, model::replacing_edit(*schema(), id, instances));
      written.push_back(std::move(edit));
    } else if (exists) {
      edits.push_back(removal_of(id));
    }
  }
  if (access) {
    PCN_ASSIGN(model::Edit edit, model::replacing_edit(*schema(), model::access_id, *access));
    written.push_back(std::move(edit));
  }
  std::move(written.begin(), written.end(), std::back_inserter(edits));
  if (origin_.comment.empty()) origin_.comment = fmt::format("rollback {}", count);
  PCN_ASSIGN(model::Candidate candidate, datastore_.edit(edits));
  return carry_out(candidate, settings, is_true(input, "dry-run"));
}

}  // namespace polycube::service
