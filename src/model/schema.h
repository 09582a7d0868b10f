// SPDX-License-Identifier: Apache-2.0
/// The compiled YANG modules of the daemon: the base modules and one module per service.
/// Why: the model is the only description of a service; API, CLI, validation and tables interpret it at run time.
/// Invariants: immutable after load(); a service module that cannot be used is reported by name and leaves the
/// others intact.
/// Threading: immutable, so shared freely. libyang keeps its error records per thread and locks its dictionary, so
/// any number of threads may parse, edit and print against one Schema at the same time (on different trees, or reading
/// the same one).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/binding.h"
#include "model/metric.h"

struct ly_ctx;
struct lysc_node;

namespace polycube::model {

/// A node whose state the control plane supplies (pcn:state).
struct StateNode {
  std::vector<std::string> path;  ///< node names from below the cube list; empty: leaves of the cube
  bool entries = false;           ///< rows may be entries that are not configured
  bool editable = false;          ///< changing such an entry makes it a configured one (pcn:editable)
};

/// One service as its module describes it.
struct ServiceModel {
  std::string name;                            ///< module name = name of the top-level list = word of the CLI
  std::string description;                     ///< argument of pcn:service
  std::string version;                         ///< argument of pcn:service-version
  bool loop_safe = false;                      ///< pcn:loop-safe
  bool logs_packets = false;                   ///< pcn:logs-packets
  bool transparent = false;                    ///< has no ports (pcn:transparent-cube)
  std::vector<std::string> slow_path_reasons;  ///< names in pcn:slow-path-reasons, of the numbers from 0 on
  std::vector<std::string> drop_reasons;       ///< the same of pcn:drop-reasons, at most 16
  std::string place;                           ///< argument of pcn:place: "inner", "outer" or nothing
  std::vector<TableBinding> bindings;
  /// Actions bound by pcn:clears: path below the cube (container names, then the action's) and the table.
  struct Clear {
    std::vector<std::string> path;
    std::string table;
  };
  std::vector<Clear> clears;
  std::vector<StateNode> states;    ///< outer nodes first
  std::vector<Metric> metrics;      ///< in model order
  const lysc_node* list = nullptr;  ///< the top-level list
};

class Schema {
 public:
  struct Failure {
    std::filesystem::path file;
    Error error;  ///< names file, line and reason as libyang gives them
  };

  /// Reads polycube-base.yang and polycube.yang from `yang_dir` and then each service module. A service whose module
  /// does not parse, is no service (no pcn:service, no list of its name, wrong key), binds nodes in an impossible way,
  /// or has the name of an earlier one, goes to failures(). Fails only when the base modules are unusable.
  /// `texts`: modules, by the stem of their files, that are not read: so a schema can be made again with a service more,
  /// whatever became of the files of the others.
  using Texts = std::map<std::string, std::string>;
  [[nodiscard]] static Result<std::shared_ptr<const Schema>> load(
      const std::filesystem::path& yang_dir, const std::vector<std::filesystem::path>& service_modules,
      const Texts& texts = {});

  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  [[nodiscard]] const std::vector<ServiceModel>& services() const { return services_; }
  [[nodiscard]] const ServiceModel* service(std::string_view name) const;
  [[nodiscard]] const std::vector<Failure>& failures() const { return failures_; }

  /// The models as the CLI needs them: {"services":{NAME:NODE}, "polycube":{"rpcs":[NODE],"containers":[NODE]}}; the
  /// shape of NODE is in docs/architecture.md, "The schema resource".
  [[nodiscard]] const nlohmann::json& description() const { return description_; }

  /// YANG source of an implemented or imported module (for yang-library's `location`), or not_found.
  [[nodiscard]] Result<std::string> source(const std::string& module) const;
  /// All modules that load() was given or read itself.
  [[nodiscard]] const Texts& texts() const;

  [[nodiscard]] ly_ctx* context() const { return context_; }

  /// What this folder derives from the models once, at load().
  struct Details;
  [[nodiscard]] const Details& details() const { return *details_; }

 private:
  Schema();
  [[nodiscard]] static Result<std::shared_ptr<Schema>> build(const std::filesystem::path& yang_dir,
                                                             const std::vector<std::filesystem::path>& service_modules,
                                                             const Texts& texts, std::vector<Failure>& failures);

  ly_ctx* context_ = nullptr;
  std::unique_ptr<Details> details_;
  std::vector<ServiceModel> services_;
  std::vector<Failure> failures_;
  nlohmann::json description_;
};

}  // namespace polycube::model
