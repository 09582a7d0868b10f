// SPDX-License-Identifier: Apache-2.0
#include "service/control_plane.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <shared_mutex>

#include "base/log.h"

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

// Whoever can write the file or its folder decides what the daemon runs.
Result<> check_owner(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) return fail_errno(errno, fmt::format("cannot read {}", path.string()));
  if (status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(ErrorCode::access_denied, "{} is not loaded: it must belong to root, and nobody else may write it",
                path.string());
  return {};
}

}  // namespace

Result<const control::Service*> load_control(const fs::path& library) {
  PCN_TRY(check_owner(library.parent_path()));
  PCN_TRY(check_owner(library));
  void* handle = ::dlopen(fs::absolute(library).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(ErrorCode::invalid_value, "cannot load a control plane: {}", ::dlerror());
  const auto* service = static_cast<const control::Service*>(::dlsym(handle, "polycube_service"));
  if (service == nullptr)
    return fail(ErrorCode::invalid_value, "{} is no control plane: it has no POLYCUBE_SERVICE", library.string());
  if (service->version != control::interface_version)
    return fail(ErrorCode::invalid_value, "{} was built for interface version {}, this is {}", library.string(),
                service->version, control::interface_version);
  return service;
}

class ControlPlane::HostOfCube : public control::Host {
 public:
  explicit HostOfCube(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Result<std::uint16_t> port_index(std::string_view port) const override {
    const std::shared_lock lock(mutex_);
    if (cube_.transparent && port == "ingress") return topology::transparent_port(topology::Direction::ingress);
    if (cube_.transparent && port == "egress") return topology::transparent_port(topology::Direction::egress);
    auto found = cube_.ports.find(std::string(port));
    if (found == cube_.ports.end()) return fail(ErrorCode::data_missing, "Port {} does not exist", port);
    return found->second.index;
  }

  [[nodiscard]] Result<> send_packet_out(std::uint16_t port, std::span<const std::byte> packet,
                                         control::Direction direction, std::uint32_t traffic_class) override {
    const std::shared_lock lock(mutex_);
    if (!outlet_) return fail(ErrorCode::operation_not_supported, "cube {} does not run yet", name_);
    return outlet_->send(port, direction == control::Direction::ingress ? engine::Send::in : engine::Send::onward,
                         packet, traffic_class);
  }

  void log(control::LogLevel level, std::string_view text) override {
    static constexpr std::array levels{spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                       spdlog::level::warn,  spdlog::level::err,   spdlog::level::critical};
    const auto wanted = levels.at(static_cast<std::size_t>(level));
    if (wanted >= threshold_.load()) spdlog::default_logger_raw()->log(wanted, "[{}] {}", name_, text);
  }

  void update(const topology::Cube& cube) {
    if (auto level = log::parse_level(cube.log_level)) threshold_ = *level;
    const std::unique_lock lock(mutex_);
    cube_ = cube;
  }
  void set_outlet(std::optional<engine::Outlet> outlet) {
    const std::unique_lock lock(mutex_);
    outlet_ = outlet;
  }
  /// Name of a port; empty when it is gone.
  [[nodiscard]] std::string port_name(std::uint16_t index) const {
    const std::shared_lock lock(mutex_);
    if (cube_.transparent)
      return index == topology::transparent_port(topology::Direction::egress) ? "egress" : "ingress";
    for (const auto& [name, port] : cube_.ports)
      if (port.index == index) return name;
    return {};
  }

 private:
  std::string name_;
  mutable std::shared_mutex mutex_;
  topology::Cube cube_;
  std::optional<engine::Outlet> outlet_;
  std::atomic<spdlog::level::level_enum> threshold_ = spdlog::level::info;
};

ControlPlane::ControlPlane() = default;

ControlPlane::~ControlPlane() { stop(); }

void ControlPlane::stop() {
  subscription_ = {};
  host_->set_outlet(std::nullopt);
}

Result<std::unique_ptr<ControlPlane>> ControlPlane::create(const control::Service& service, const std::string& cube) {
  std::unique_ptr<ControlPlane> plane(new ControlPlane);
  plane->host_ = std::make_unique<HostOfCube>(cube);
  try {
    PCN_ASSIGN(plane->cube_, service.create(*plane->host_));
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::system, "the control plane of cube {} cannot be made: {}", cube, thrown.what());
  }
  return plane;
}

void ControlPlane::update(const topology::Cube& cube) {
  const std::lock_guard one_at_a_time(running_);  // packets are not delivered for ports that are going away
  host_->update(cube);
}

Result<> ControlPlane::start(engine::Engine& engine) {
  const auto outlet = engine.outlet(host_->name());
  if (!outlet && outlet.error().code == ErrorCode::data_missing) return {};
  if (!outlet) return tl::unexpected<Error>(outlet.error());
  host_->set_outlet(*outlet);
  PCN_ASSIGN(subscription_, engine.subscribe(host_->name(), [this](const engine::PacketIn& in) { deliver(in); }));
  return {};
}

void ControlPlane::deliver(const engine::PacketIn& in) {
  const std::lock_guard one_at_a_time(running_);
  const std::string port = host_->port_name(in.port);
  if (port.empty()) return;  // of a port that went away after the packet came
  try {
    cube_->packet_in({.port = port,
                      .port_index = in.port,
                      .direction = in.direction == topology::Direction::egress ? control::Direction::egress
                                                                               : control::Direction::ingress,
                      .reason = in.reason,
                      .traffic_class = in.traffic_class,
                      .metadata = in.metadata,
                      .packet = in.packet,
                      .packet_length = in.packet_length});
  } catch (const std::exception& thrown) {
    host_->log(control::LogLevel::err, fmt::format("the slow path failed: {}", thrown.what()));
  }
}

}  // namespace polycube::service
