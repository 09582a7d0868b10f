// SPDX-License-Identifier: Apache-2.0
/// What every cube's data tree has in common (polycube-base.yang), and the paths that lead there.
/// Threading: pure functions.
#pragma once

#include <string>

#include "model/datastore.h"
#include "topology/topology.h"

namespace polycube::service {

/// The wiring part of a cube's configuration. Port indexes are left for topology::assign_indexes.
[[nodiscard]] Result<topology::Cube> to_topology(const model::DataTree& cube, const model::ServiceModel& service);

/// RFC 8040 api-path of a cube, of a port of it when `port` is not empty, of a leaf of either when `leaf` is not empty.
[[nodiscard]] std::string path_of(const std::string& service, const std::string& cube, const std::string& port,
                                  const std::string& leaf);

/// An error of a control plane, whose path is that of a node below its cube, with the api-path.
[[nodiscard]] Error below_cube(const model::CubeId& cube, Error error);

/// api-path of a bound list without keys; only for lists that are not inside other lists.
[[nodiscard]] std::string list_path(const model::CubeId& cube, const model::TableBinding& binding);

/// Keys that a path gives for an entry of a bound list which it names or is in, those of enclosing lists first; empty
/// for the list as a whole; nullopt when it leads elsewhere or only above the list.
[[nodiscard]] std::optional<std::vector<std::string>> keys_in(const model::Target& target,
                                                              const model::TableBinding& binding);

/// Whether a path names all of a bound list: the list without keys, or something below the cube that the list is in.
[[nodiscard]] bool holds_list(const model::Target& target, const model::TableBinding& binding);

/// Absolute data path of a cube, as libyang writes it.
[[nodiscard]] std::string cube_xpath(const model::CubeId& cube);

/// The edit that sets a port's peer.
[[nodiscard]] model::Edit peer_edit(const std::string& service, const topology::PortName& port,
                                    const std::string& peer);

}  // namespace polycube::service
