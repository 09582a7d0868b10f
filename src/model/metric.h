// SPDX-License-Identifier: Apache-2.0
/// Metrics that a service's model declares (pcn:metric), as plain values.
/// Why: the author of a service names what is worth watching; where the values come from is the same as for any reply.
/// Threading: plain values; measure() reads a const tree.
#pragma once

#include <string>
#include <vector>

namespace polycube::model {

class DataTree;
struct ServiceModel;

struct Metric {
  enum class Kind {
    entries,   ///< of a list or leaf-list
    number,    ///< a leaf's
    truth,     ///< 1 or 0
    presence,  ///< 1 for each instance of the leaf
  };
  std::string name;  ///< argument of pcn:metric
  std::string help;
  Kind kind = Kind::entries;
  bool counter = false;             ///< it never goes down
  std::vector<std::string> path;    ///< node names from below the cube list down to the node
  std::vector<std::string> labels;  ///< for the keys of the lists that it is in, outermost first
};

struct Measured {
  std::vector<std::string> keys;  ///< one for each label
  double value = 0;
  bool operator==(const Measured&) const = default;
};

/// The values of a metric in the tree of one cube. Number of entries are given also for lists that are empty.
[[nodiscard]] std::vector<Measured> measure(const DataTree& cube, const Metric& metric);

/// Keys of the entries of a list that is in no other list, by node names from below the cube list down to it.
[[nodiscard]] std::vector<std::vector<std::string>> entries_of(const DataTree& cube,
                                                               const std::vector<std::string>& path);

}  // namespace polycube::model
