// SPDX-License-Identifier: Apache-2.0
/// A controller for tests of the API that remembers what it was asked and answers what it was told to.
/// Threading: as its members.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "service/controller.h"

namespace polycube::api {

class FakeController : public service::Controller {
 public:
  explicit FakeController(std::shared_ptr<const model::Schema> schema) : schema_(std::move(schema)) {}

  Result<service::ReadReply> read(const std::string& path, const model::ReadOptions& options,
                                  const service::Client&) override {
    return on_read(path, options);
  }
  Result<service::EditReply> edit(const model::Edit& edit, const std::vector<std::string>& if_match,
                                  const service::Origin&) override {
    return on_edit(edit, if_match);
  }
  Result<std::string> invoke_action(const std::string& path, const std::string& body, model::Format format,
                                    const service::Origin&) override {
    return on_action(path, body, format);
  }
  Result<std::string> invoke_rpc(const std::string& rpc, const std::string& body, model::Format format,
                                 const service::Origin&) override {
    return on_rpc(rpc, body, format);
  }
  std::string revision() const override { return on_revision(); }
  std::shared_ptr<const model::Schema> schema() const override { return schema_; }
  Result<service::Metrics> metrics(const service::Client&) override { return on_metrics(); }
  Result<std::shared_ptr<service::Events::Subscription>> subscribe(const service::Client&) override {
    return events.subscribe();
  }
  void end_subscriptions() override { events.close(); }

  service::Events events;

  std::function<std::string()> on_revision = [] { return "r1"; };
  std::function<Result<service::Metrics>()> on_metrics = [] { return service::Metrics(); };

  std::function<Result<service::ReadReply>(const std::string&, const model::ReadOptions&)> on_read =
      [](const auto&, const auto&) { return service::ReadReply{"{}", "r1"}; };
  std::function<Result<service::EditReply>(const model::Edit&, const std::vector<std::string>&)> on_edit =
      [](const auto&, const auto&) { return service::EditReply{false, "", "r2"}; };
  std::function<Result<std::string>(const std::string&, const std::string&, model::Format)> on_action =
      [](const auto&, const auto&, auto) { return std::string(); };
  std::function<Result<std::string>(const std::string&, const std::string&, model::Format)> on_rpc =
      [](const auto&, const auto&, auto) { return std::string(); };

 private:
  std::shared_ptr<const model::Schema> schema_;
};

/// The models of this repository.
inline Result<std::shared_ptr<const model::Schema>> load_schema(const std::filesystem::path& source) {
  std::vector<std::filesystem::path> services;
  for (const std::string name : {"helloworld", "simplebridge", "simpleforwarder"}) {
    services.push_back(source / "cubes" / name / (name + ".yang"));
  }
  return model::Schema::load(source / "yang", services);
}

}  // namespace polycube::api
