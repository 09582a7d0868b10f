// SPDX-License-Identifier: Apache-2.0
/// Private to the tests of src/model: schemas of the real cubes and of testdata/, and a datastore with short-hands.
/// Threading: one thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "model/datastore.h"
#include "model/flat_changes.h"

namespace polycube::model {

inline std::string cube_module(const std::string& name) {
  return std::string(POLYCUBE_TEST_CUBES_DIR) + '/' + name + '/' + name + ".yang";
}
inline std::string test_module(const std::string& name) {
  return std::string(POLYCUBE_TEST_SOURCE_DIR) + "/testdata/" + name + ".yang";
}

/// The cubes of the tree and `alltypes`; made once.
inline const std::shared_ptr<const Schema>& test_schema() {
  static const auto schema = [] {
    auto loaded = Schema::load(POLYCUBE_TEST_YANG_DIR,
                               {cube_module("simpleforwarder"), cube_module("simplebridge"), cube_module("helloworld"),
                                cube_module("pbforwarder"), test_module("alltypes")});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    for (const auto& failure : (*loaded)->failures()) throw std::runtime_error(failure.error.message);
    return *loaded;
  }();
  return schema;
}

/// Expects that all cubes come out the same when they are made again from the instances of their nodes.
inline void expect_restorable(const Datastore& store) {
  std::map<CubeId, control::Changes> cubes;
  for (const auto& [id, tree] : store.cubes()) cubes[id] = flat_changes(nullptr, tree.get(), Leaf::set);
  if (cubes.empty()) return;
  const auto body = datastore_body(*store.schema(), cubes);
  ASSERT_TRUE(body) << body.error().message;
  Datastore again(store.schema());
  auto candidate = again.edit(Edit{Method::post, "", *body, Format::xml});
  ASSERT_TRUE(candidate) << candidate.error().message << " @ " << candidate.error().path << '\n' << *body;
  again.publish(*candidate);
  for (const auto& [id, tree] : store.cubes())
    for (const auto defaults : {WithDefaults::report_all, WithDefaults::explicit_}) {
      ReadOptions options;
      options.with_defaults = defaults;
      EXPECT_EQ(*print(*again.cubes().at(id), "", options), *print(*tree, "", options));
    }
}

/// A datastore whose edits are published at once.
class Store {
 public:
  Store() : store(test_schema()) {}

  Result<Candidate> try_edit(Method method, const std::string& path, const std::string& body = {}) {
    const bool xml = !body.empty() && body[0] == '<';
    return store.edit(Edit{method, path, body, xml ? Format::xml : Format::json});
  }

  /// Expects success and publishes.
  Candidate edit(Method method, const std::string& path, const std::string& body = {}) {
    auto candidate = try_edit(method, path, body);
    if (!candidate) {
      ADD_FAILURE() << path << ' ' << body << ": " << candidate.error().message << " @ " << candidate.error().path;
      return {};
    }
    auto published = try_edit(method, path, body);  // publishing takes out of it what it changes
    store.publish(*published);
    expect_restorable(store);
    return std::move(*candidate);
  }

  /// Expects failure, and that nothing changed.
  Error refuse(Method method, const std::string& path, const std::string& body = {}) {
    const auto before = store.cubes();
    auto candidate = try_edit(method, path, body);
    EXPECT_EQ(store.cubes(), before);
    if (candidate) {
      ADD_FAILURE() << path << ' ' << body << " was accepted";
      return {};
    }
    return candidate.error();
  }

  /// Prints from the cube of this name.
  Result<std::string> print(const std::string& cube, const std::string& path, const ReadOptions& options = {}) const {
    const CubeTree* tree = store.find(cube);
    if (!tree) return fail(ErrorCode::not_found, "no cube {}", cube);
    return model::print(**tree, path, options);
  }

  nlohmann::json get(const std::string& cube, const std::string& path, const ReadOptions& options = {}) const {
    const auto text = print(cube, path, options);
    if (!text) {
      ADD_FAILURE() << path << ": " << text.error().message;
      return {};
    }
    return nlohmann::json::parse(*text);
  }

  Datastore store;
};

inline const TableBinding& binding(const std::string& service, const std::string& table) {
  for (const auto& candidate : test_schema()->service(service)->bindings) {
    if (candidate.table == table) return candidate;
  }
  throw std::runtime_error("no table " + table);
}

#define EXPECT_ERROR(expression, expected_code, expected_message, expected_path) \
  do {                                                                           \
    const Error error_ = (expression);                                           \
    EXPECT_EQ(error_.code, ErrorCode::expected_code) << error_.message;          \
    EXPECT_THAT(error_.message, ::testing::HasSubstr(expected_message));         \
    EXPECT_EQ(error_.path, expected_path);                                       \
  } while (false)

}  // namespace polycube::model
