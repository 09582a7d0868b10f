// SPDX-License-Identifier: Apache-2.0
/// The control planes of all cubes, and their part of a transaction.
/// Why: they and the data path change together or not at all.
/// Invariants: there is one for each running cube whose service has a control plane.
/// Threading: under the controller's lock; find() by readers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/datastore.h"
#include "service/catalogue.h"
#include "service/control_plane.h"

namespace polycube::service {

class ControlPlanes {
 public:
  /// One transaction. Unless it comes to finish(), everything is as before.
  class Step {
   public:
    Step(Step&&) noexcept = default;
    Step& operator=(Step&&) = delete;
    ~Step();

    /// Comes before the engine's work: those of cubes that go away get and send nothing any more while their cubes are taken apart.
    void begin();
    /// From within the engine's transaction.
    [[nodiscard]] Result<> commit(const Surroundings& after, engine::Undo& undo);
    /// When the engine has done its part. The new ones begin to get packets and timers.
    void finish(const Surroundings& now);

   private:
    friend class ControlPlanes;
    struct Part {
      model::CubeId cube;
      ControlPlane* plane;
      control::Changes changes;
      bool is_new;
    };
    Step(ControlPlanes& planes, engine::Engine& engine) : planes_(planes), engine_(engine) {}

    ControlPlanes& planes_;
    engine::Engine& engine_;
    std::vector<Part> parts_;
    std::map<std::string, std::unique_ptr<ControlPlane>> created_;
    std::vector<std::string> deleted_;
    std::vector<ControlPlane*> paused_;  ///< by begin()
  };

  /// Makes those of new cubes and asks all that are concerned. Errors: theirs, with the api-path of the node at fault.
  /// `restoring`: cubes of services that are not connected begin without; renew() will make theirs.
  [[nodiscard]] Result<Step> prepare(const model::Candidate& candidate, const topology::Topology& after,
                                     const Catalogue& catalogue, engine::Engine& engine, bool restoring = false);

  /// Makes those of cubes of one service that run anew, to whom the whole configuration is new, or leaves all as they are.
  /// Errors: theirs.
  [[nodiscard]] Result<> renew(const std::map<model::CubeId, model::CubeTree>& cubes, ControlSource& source,
                               const engine::Package& package, engine::Engine& engine, const Surroundings& now);

  /// Tells those that it concerns of links and peers.
  void follow(const Surroundings& now);

  /// Null for a cube without.
  [[nodiscard]] ControlPlane* find(const std::string& cube) const;

 private:
  std::map<std::string, std::unique_ptr<ControlPlane>> planes_;  ///< by cube
  topology::Devices devices_;                                    ///< that they know of
};

}  // namespace polycube::service
