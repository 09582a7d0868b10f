// SPDX-License-Identifier: Apache-2.0
/// The controller of this machine's cubes.
/// Why: one place in which a request becomes a candidate, a plan, and an effect.
/// Invariants: datastore, topology and data path describe the same state whenever the lock is free. A device that the
/// kernel refuses to give us when it comes back (a foreign XDP program) leaves its port down and is reported, and does
/// not stand in the way of other requests.
/// Threading: safe from every thread. One lock: writers alone, readers beside each other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>

#include "engine/devices.h"
#include "engine/engine.h"
#include "model/access.h"
#include "model/datastore.h"
#include "model/document.h"
#include "service/catalogue.h"
#include "service/control_planes.h"
#include "service/controller.h"
#include "service/fair_mutex.h"
#include "service/scope.h"
#include "service/store.h"
#include "service/trace_path.h"
#include "service/trace_session.h"

namespace polycube::service {

struct ControllerOptions {
  std::filesystem::path yang_dir;      ///< polycube-base.yang, polycube.yang
  std::filesystem::path programs_dir;  ///< the engine's own objects
  std::vector<std::filesystem::path> service_dirs;
  std::filesystem::path remote_dir;       ///< what services with a process of their own sent is kept here
  std::filesystem::path state_file = {};  ///< the running configuration is kept here; empty: it is not
  std::filesystem::path pin_dir = {};     ///< what outlives the daemon in the kernel is kept here; empty: nothing does
  std::string admin_group = {};           ///< may do everything, as long as no access rules are configured
  bool leave_running = false;             ///< the data path stays when the controller goes
  bool clean = false;                     ///< begin with an empty configuration
  std::string version;                    ///< of the daemon
};

/// Words that can be the name of neither a cube nor a service.
[[nodiscard]] bool is_command_word(const std::string& name);

class LocalController : public Controller, public ServiceRegistry {
 public:
  [[nodiscard]] static Result<std::unique_ptr<LocalController>> create(const ControllerOptions& options);
  ~LocalController() override;  ///< takes all cubes down

  [[nodiscard]] Result<ReadReply> read(const std::string& path, const model::ReadOptions& options,
                                       const Client& client) override;
  [[nodiscard]] Result<EditReply> edit(const model::Edit& edit, const std::vector<std::string>& if_match,
                                       const Origin& origin) override;
  [[nodiscard]] Result<std::string> invoke_action(const std::string& path, const std::string& body,
                                                  model::Format format, const Origin& origin) override;
  [[nodiscard]] Result<std::string> invoke_rpc(const std::string& rpc, const std::string& body, model::Format format,
                                               const Origin& origin) override;
  [[nodiscard]] std::string revision() const override;
  [[nodiscard]] std::shared_ptr<const model::Schema> schema() const override { return schema_.load(); }

  [[nodiscard]] Result<Metrics> metrics(const Client& client) override;
  [[nodiscard]] Result<std::shared_ptr<Events::Subscription>> subscribe(const Client& client) override;
  void end_subscriptions() override {
    stopping_ = true;
    events_.close();
  }

  [[nodiscard]] Result<> attach_service(const ServiceOffer& offer, std::shared_ptr<ControlSource> source) override;
  void service_lost(const std::string& service, const std::string& reason) override;

  /// For a watchdog: these return when a transaction could begin, and when the slow path's thread has done what it was asked
  /// for. While something hangs there, they do not.
  void wait_for_lock() const { const WriteLock lock(mutex_); }
  void wait_for_slow_path() const;

 private:
  struct Learned;  ///< an entry that only a table has
  /// Lists that a transaction empties, with what only their tables have.
  struct Cleared {
    std::string cube = {};
    std::vector<engine::TableAccess> lists = {};
  };
  LocalController(const ControllerOptions& options, Catalogue catalogue)
      : options_(options),
        catalogue_(std::move(catalogue)),
        datastore_(catalogue_.schema()),
        schema_(catalogue_.schema()) {}

  using ReadLock = std::shared_lock<FairMutex>;
  using WriteLock = std::unique_lock<FairMutex>;

  // All of these are called with the lock held.
  using Chains = std::map<std::string, std::vector<std::string>>;
  [[nodiscard]] static ChainChanges chain_changes(const Chains& before, const Chains& after);
  /// What is known of a transaction besides its candidate.
  struct Settings {
    /// Indexes, UUIDs and chains of what is restored, which was judged when it was configured.
    const topology::Topology* restored = nullptr;
    std::optional<Chains> chains = {};                 ///< as they are to be
    std::vector<engine::OldElement> interrupted = {};  ///< of a transaction that was never saved
    engine::Culprit* culprit = nullptr;                ///< filled in when it fails
  };
  [[nodiscard]] Result<> commit(model::Candidate& candidate, const Cleared& cleared, const Settings& settings);
  [[nodiscard]] Result<> commit(model::Candidate& candidate, const Cleared& cleared) {
    return commit(candidate, cleared, Settings{});
  }
  void explain_remains(std::size_t known, Result<>& refused);
  [[nodiscard]] Result<topology::Topology> topology_of(const model::Candidate& candidate,
                                                       const Settings& settings) const;
  [[nodiscard]] Result<topology::Devices> judge(const topology::Topology& after);
  [[nodiscard]] Result<std::string> apply(const std::map<std::string, std::string>& input);
  [[nodiscard]] Result<std::string> roll_back(const std::map<std::string, std::string>& input);
  [[nodiscard]] Result<Chains> chains_of(const model::Document& document, topology::Topology after) const;
  [[nodiscard]] Result<std::string> carry_out(model::Candidate& candidate, const Settings& settings, bool dry_run);
  [[nodiscard]] Result<> add_history(model::DataTree& data, const Scope& scope, const Client& client) const;
  [[nodiscard]] Result<> check_restored(const std::vector<Commit>& commits) const;
  [[nodiscard]] Result<> save(const model::Candidate& candidate, const topology::Topology& after);
  [[nodiscard]] Result<> restore();
  using SavedCubes = std::map<model::CubeId, control::Changes>;
  [[nodiscard]] Result<> open_store();
  [[nodiscard]] Result<model::Candidate> candidate_of(const SavedCubes& cubes);
  [[nodiscard]] Result<> restore(const SavedCubes& cubes, const Settings& settings);
  void restore_what_can_be(SavedCubes cubes, Settings settings);
  bool leave_out(SavedCubes& cubes, const engine::Culprit& culprit, const Error& error);
  void leave_out(const model::CubeId& cube, const Error& error);
  void leave_out_unusable(SavedCubes& cubes, const Settings& settings);
  void restore_missing();
  [[nodiscard]] Result<> add_table_changes(const model::Candidate& candidate, engine::Transaction& transaction) const;
  [[nodiscard]] Result<> add_clearing(const Cleared& cleared, engine::Transaction& transaction) const;
  [[nodiscard]] topology::Devices host_devices() const;  ///< without those that the engine made for itself
  [[nodiscard]] topology::Devices usable_devices(const topology::Topology& candidate) const;
  [[nodiscard]] Result<> check_name(const model::CubeId& id) const;
  [[nodiscard]] bool is_away(const std::string& service) const;
  [[nodiscard]] Result<> check_offer(const ServiceOffer& offer) const;
  [[nodiscard]] bool is_known(const ServiceOffer& offer) const;
  [[nodiscard]] Result<> add_service(const ServiceOffer& offer);
  [[nodiscard]] std::map<model::CubeId, model::CubeTree> cubes_of(const std::string& service) const;
  /// For Surroundings: by a candidate that is not published yet, or by the running configuration.
  [[nodiscard]] std::function<control::Leaves(const topology::PortName&)> port_leaves(
      const model::Candidate* candidate = nullptr) const;
  [[nodiscard]] Result<> edit_learned(const model::Edit& edit, const model::Target& target, const Error& reason);
  [[nodiscard]] std::optional<Learned> find_learned(const model::Target& target) const;
  [[nodiscard]] const model::StateNode* state_node(const model::Target& target) const;
  [[nodiscard]] std::optional<model::Edit> configure_shown(const model::Edit& edit, const Error& reason) const;
  [[nodiscard]] Error explain_missing(const model::Target& target, const Error& reason) const;
  [[nodiscard]] Result<model::DataTree> configured(const model::CubeId& id, const model::TableBinding& binding,
                                                   std::vector<model::Row> rows) const;
  [[nodiscard]] Result<model::Edit> adopt(const model::Target& target, const Learned& learned, model::Row row) const;
  [[nodiscard]] Cleared find_whole_lists(const model::Target& target) const;
  [[nodiscard]] Result<bool> clear_by_model(const model::Target& target);
  [[nodiscard]] Result<> connect(const std::map<std::string, std::string>& input);
  [[nodiscard]] Result<> disconnect(const std::map<std::string, std::string>& input);
  [[nodiscard]] Result<> attach(const std::map<std::string, std::string>& input);
  [[nodiscard]] Result<> detach(const std::map<std::string, std::string>& input);
  [[nodiscard]] Result<> set_chains(topology::Topology after);
  [[nodiscard]] Result<> set_peers(const std::vector<std::pair<topology::PortName, std::string>>& peers);
  [[nodiscard]] std::string etag() const;

  // Access rules (local_controller_access.cpp).
  [[nodiscard]] Result<> set_up_access(const control::Changes& stored);
  void follow_access_rules();
  [[nodiscard]] Result<> check_change(const model::Candidate& candidate, const Settings& settings);
  [[nodiscard]] Result<> replace_unusable_rules(const model::Edit& edit, const model::Target& target,
                                                model::Candidate& candidate);
  [[nodiscard]] Result<> check_access(const std::string& path, model::Access access);
  [[nodiscard]] Result<> check_clearing(const Cleared& cleared);
  [[nodiscard]] Result<> check_removal(const model::CubeId& id, const model::TableBinding& binding,
                                       const std::vector<model::Row>& rows);
  [[nodiscard]] Result<> check_rpc(const std::string& rpc);
  [[nodiscard]] tl::unexpected<Error> denied(model::Access access, const std::string& path);
  [[nodiscard]] Result<> add_access(model::DataTree& forest, const Scope& scope, model::Content content) const;

  // State for replies.
  [[nodiscard]] Result<model::DataTree> forest(const Scope& scope, model::Content content) const;
  [[nodiscard]] Result<model::DataTree> cube_with_state(const model::CubeId& id, const model::DataTree& running,
                                                        const Scope& scope) const;
  [[nodiscard]] Result<> add_counters(model::DataTree& tree, const std::string& cube, const Scope::Step& top,
                                      const Scope& scope) const;
  [[nodiscard]] Result<> add_chain(model::DataTree& tree, const std::string& node, const std::string& parent) const;
  [[nodiscard]] Result<> add_supplied_state(model::DataTree& tree, const model::CubeId& id, const Scope::Step& top,
                                            const Scope& scope) const;
  [[nodiscard]] Result<> add_machine_state(model::DataTree& forest, const Scope& scope) const;
  [[nodiscard]] Result<> add_cube_list(model::DataTree& forest, const Scope& scope) const;
  [[nodiscard]] Result<> add_control(model::DataTree& data, const std::string& node, const std::string& service) const;
  [[nodiscard]] Result<> add_services(model::DataTree& forest, const Scope& scope) const;
  [[nodiscard]] Result<> add_devices(model::DataTree& forest, const Scope& scope) const;
  [[nodiscard]] std::optional<std::uint64_t> max_age(const model::DataTree& cube,
                                                     const model::TableBinding& binding) const;

  // These take the lock themselves.
  [[nodiscard]] Result<model::Output> start_trace(const std::map<std::string, std::string>& input,
                                                  const Origin& origin);
  [[nodiscard]] Result<model::Output> read_trace(const std::map<std::string, std::string>& input);
  [[nodiscard]] Result<model::Output> stop_trace(const std::map<std::string, std::string>& input);
  void end_abandoned_trace();
  [[nodiscard]] Result<model::Output> simulate(const std::map<std::string, std::string>& input);
  // These do not.
  [[nodiscard]] Result<std::shared_ptr<TraceSession>> find_trace(const std::string& id) const;
  [[nodiscard]] TraceNames trace_names() const;
  [[nodiscard]] Result<> set_tracing(bool on);
  void end_trace();

  // Metrics.
  /// A table whose elements are counted when no lock is held: 100,000 of them take tens of milliseconds.
  struct CountedTable {
    model::CubeId id;
    std::string name;
    engine::MapAccess access;
    std::optional<model::Metric> metric = std::nullopt;  ///< whose value it is; absent: it is shown as a table

    /// Whether the entry that was not used for longest goes when it is full.
    [[nodiscard]] bool makes_room() const;
    [[nodiscard]] Result<std::uint64_t> count() const;
  };
  void add_general_metrics(Metrics& metrics) const;
  [[nodiscard]] Result<> add_cube_metrics(Metrics& metrics, const std::string& name,
                                          const topology::Devices& devices) const;
  [[nodiscard]] Result<std::size_t> add_model_metrics(Metrics& metrics, const model::CubeId& id,
                                                      const model::DataTree& running,
                                                      std::vector<CountedTable>& tables) const;
  [[nodiscard]] Result<std::optional<double>> count_entries(const model::CubeId& id, const model::DataTree& running,
                                                            const model::Metric& metric) const;
  void add_tables(const model::CubeId& id, std::vector<CountedTable>& tables) const;

  // What is wrong, and what happens.
  struct Problem {
    std::string kind;  ///< as in the model
    std::string subject;
    std::string message;
    std::string advice;
  };
  /// How full a table is that makes no room by itself.
  struct Fill {
    std::uint64_t entries = 0;
    std::uint64_t capacity = 0;
  };
  /// A port as those who follow the events know it.
  struct PortState {
    bool up = false;
    std::string peer;
    std::string reason;  ///< why it is not
    bool operator==(const PortState&) const = default;
  };
  using Fills = std::map<std::pair<std::string, std::string>, Fill>;  ///< by cube and table
  void refresh_fills();
  [[nodiscard]] std::vector<Problem> problems() const;
  void add_service_problems(std::vector<Problem>& problems) const;
  void add_port_problems(std::vector<Problem>& problems) const;
  void add_table_problems(std::vector<Problem>& problems) const;
  void add_kernel_problems(std::vector<Problem>& problems) const;
  [[nodiscard]] Result<> add_status(model::DataTree& data, const Scope& scope) const;
  enum class Fault { raised, cleared };
  void report(Fault state, const std::string& kind, const std::string& subject, const std::string& message);
  [[nodiscard]] std::map<std::string, PortState> port_states() const;
  void announce_ports();
  void announce_commit();

  void follow_devices();
  void expire_entries();
  void mend();
  void run_sweeper(const std::stop_token& stop);

  ControllerOptions options_;
  Catalogue catalogue_;
  mutable FairMutex mutex_;
  model::Datastore datastore_;
  std::unique_ptr<Store> store_;                              ///< null: nothing is kept
  std::atomic<std::shared_ptr<const model::Schema>> schema_;  ///< that of the catalogue, for those without the lock
  /// Those of the datastore, for those without the lock as well; never null.
  std::atomic<std::shared_ptr<const model::AccessRules>> access_rules_ = std::make_shared<const model::AccessRules>();
  std::optional<std::string> unusable_rules_;  ///< why those that were saved are not in use
  std::atomic<std::uint32_t> denied_operations_ = 0;
  std::atomic<std::uint32_t> denied_writes_ = 0;
  std::atomic<std::uint32_t> denied_notifications_ = 0;
  Origin origin_;  ///< of the request that holds the lock alone
  topology::Topology topology_;
  topology::Wiring wiring_;
  std::unique_ptr<engine::Engine> engine_;
  ControlPlanes control_planes_;
  std::unique_ptr<engine::DeviceMonitor> devices_;
  std::shared_ptr<TraceSession> trace_;  ///< while packets are followed
  engine::SlowPath::Subscription trace_events_;
  std::uint64_t traces_ = 0;            ///< so far
  std::mutex simulating_;               ///< taken before the lock
  std::atomic<bool> stopping_ = false;  ///< what only waits is given up
  struct Refusal {
    topology::Device device;  ///< as it was then
    std::string why;
  };
  std::map<int, Refusal> refused_devices_;  ///< by interface index
  std::uint64_t epoch_ = 0;                 ///< tells this daemon's revisions from another's
  std::uint64_t revision_ = 0;
  CommitCounts commits_;
  struct Unrestored {
    model::CubeId cube;
    std::string reason;
  };
  std::vector<Unrestored> unrestored_;
  std::string save_failure_;  ///< why the last change could not be saved; empty: it was
  std::string pin_failure_;   ///< of the sweeper alone
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  Events events_;
  std::optional<Commit> saved_commit_;                  ///< the transaction that is being carried out, once it is saved
  std::map<std::string, PortState> told_ports_;         ///< by "cube:port", as subscribers know them
  mutable std::mutex watch_mutex_;                      ///< guards the three that follow
  Fills fills_;                                         ///< when they were counted last
  std::set<std::pair<std::string, std::string>> full_;  ///< tables of which it was said
  std::deque<std::pair<std::uint64_t, Event>> faults_;  ///< the last ones
  /// When a cube's table was last swept, in seconds.
  std::map<std::string, std::map<std::string, std::uint64_t>> swept_;
  std::jthread sweeper_;
};

}  // namespace polycube::service
