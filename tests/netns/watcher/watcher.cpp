// SPDX-License-Identifier: Apache-2.0
// Shows what it sees of its parent.
#include <polycube/control.h>

namespace {

using namespace polycube;

class Watcher : public control::Cube {
 public:
  explicit Watcher(control::Host& host) : host_(host) {}

  Result<control::Rows> state(const std::string&) override {
    PCN_ASSIGN(const control::Port port, host_.port("ingress"));
    control::Leaves leaves{{"changes", std::to_string(changes_)}};
    if (port.device) leaves["device"] = port.device->mac;
    for (const char* name : {"peer", "ip"})
      if (const auto leaf = port.parent.find(name); leaf != port.parent.end()) leaves[name] = leaf->second;
    return control::Rows{{{}, leaves}};
  }

  void peer_changed(std::string_view port) override { changes_ += port == "ingress" ? 1 : 0; }

 private:
  control::Host& host_;
  unsigned changes_ = 0;
};

}  // namespace

POLYCUBE_SERVICE(Watcher);
