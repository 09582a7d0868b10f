// SPDX-License-Identifier: Apache-2.0
// Arbitrary paths and bodies against a datastore with some cubes. The first byte chooses method and format, the first
// line is the path, the rest the body. What an edit accepts must survive printing and being given back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "model/datastore.h"

namespace {

using namespace polycube;
using namespace polycube::model;

std::shared_ptr<const Schema> load() {
  const std::string cubes = POLYCUBE_TEST_CUBES_DIR;
  auto schema = Schema::load(POLYCUBE_TEST_YANG_DIR, {cubes + "/simplebridge/simplebridge.yang",
                                                      cubes + "/simpleforwarder/simpleforwarder.yang",
                                                      POLYCUBE_TEST_SOURCE_DIR "/testdata/alltypes.yang"});
  if (!schema || !(*schema)->failures().empty()) std::abort();
  return *schema;
}

Datastore start() {
  Datastore store(load());
  auto made = store.edit(Edit{Method::post, "", R"({
    "simpleforwarder:simpleforwarder": [{"name": "sf", "ports": [{"name": "p1"}, {"name": "p2"}],
                                         "actions": [{"inport": "p1", "action": "forward", "outport": "p2"}]}],
    "simplebridge:simplebridge": [{"name": "b", "ports": [{"name": "p1"}],
                                   "fdb": {"entry": [{"address": "02:00:00:00:00:01", "port": "p1"}]}}],
    "alltypes:alltypes": [{"name": "a", "ports": [{"name": "p1"}]}]})",
                              Format::json});
  if (!made) std::abort();
  store.publish(*made);
  return store;
}

/// What was accepted must print, and the print of each cube must be accepted as its replacement.
void check(Candidate& candidate, const Datastore& store) {
  Datastore copy = store;
  copy.publish(candidate);
  for (const auto& [id, change] : candidate.changes) {
    if (!change.after) continue;
    const std::string path = id.service + ':' + id.service + '=' + encode_key(id.name);
    for (const Format format : {Format::json, Format::xml}) {
      ReadOptions options;
      options.format = format;
      const auto text = print(**copy.find(id.name), path, options);
      if (!text) std::abort();
      const auto again = copy.edit(Edit{Method::put, path, *text, format});
      if (!again) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Datastore store = start();
  if (size < 1) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto line = text.find('\n');
  Edit edit;
  edit.method = static_cast<Method>(data[0] & 3);
  edit.format = data[0] & 4 ? Format::xml : Format::json;
  edit.path = text.substr(0, line);
  edit.body = line == std::string::npos ? "" : text.substr(line + 1);
  (void)parse_path(edit.path);
  (void)resolve(*store.schema(), edit.path);
  (void)parse_input(*store.schema(), edit.path, edit.body, edit.format);
  for (const auto& [id, tree] : store.cubes()) (void)print(*tree, edit.path, {});
  if (auto candidate = store.edit(edit)) check(*candidate, store);
  return 0;
}
