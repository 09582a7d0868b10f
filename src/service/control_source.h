// SPDX-License-Identifier: Apache-2.0
/// Where the control planes of a service's cubes come from: a library in the daemon, or a process of its own.
/// Why: what takes part in transactions need not know in which process it thinks.
/// Threading: safe from every thread.
#pragma once

#include <polycube/control.h>

#include <map>
#include <memory>
#include <string>

namespace polycube::service {

/// A control plane that can be behind with the packets and records that it was given.
class Paced {
 public:
  virtual ~Paced() = default;
  /// False: more of them have to wait where they are.
  [[nodiscard]] virtual bool keeps_up() const = 0;
};

class ControlSource {
 public:
  enum class Place { in_process, remote, detached };

  virtual ~ControlSource() = default;

  /// A new cube's control plane, which may be Paced; `host` outlives it.
  [[nodiscard]] virtual Result<std::unique_ptr<control::Cube>> create(control::Host& host) = 0;
  [[nodiscard]] virtual Place place() const = 0;
};

/// As the model's leaves control-plane show it.
[[nodiscard]] constexpr const char* to_string(ControlSource::Place place) {
  switch (place) {
    case ControlSource::Place::in_process: return "in-process";
    case ControlSource::Place::remote: return "remote";
    case ControlSource::Place::detached: break;
  }
  return "detached";
}

/// What is refused while the service's process is away.
[[nodiscard]] inline tl::unexpected<Error> detached_error(const std::string& service, const std::string& cube,
                                                          const std::string& reason) {
  return fail(ErrorCode::system, "service {} is detached ({}): cube {} takes no changes and actions until it is back",
              service, reason, cube);
}

/// Of a service whose process has not come yet.
class DetachedSource : public ControlSource {
 public:
  explicit DetachedSource(std::string service) : service_(std::move(service)) {}
  [[nodiscard]] Result<std::unique_ptr<control::Cube>> create(control::Host& host) override {
    return detached_error(service_, host.name(), "its process has not connected yet");
  }
  [[nodiscard]] Place place() const override { return Place::detached; }

 private:
  std::string service_;
};

/// What a service brings along that is not on the daemon's disk.
struct ServiceOffer {
  std::string name;
  std::string model;  ///< YANG text
  /// Of the master, under the service's name, and of slaves: for TC and for XDP.
  std::map<std::string, std::pair<std::string, std::string>> objects;
};

/// To whom services that come are made known.
class ServiceRegistry {
 public:
  virtual ~ServiceRegistry() = default;

  /// From now on cubes of this service can be made. Those that there are get control planes from `source`, to which
  /// their whole configuration is new. Errors: data_exists (the name is taken), in_use (its cubes were made from another
  /// model or other objects), invalid_value, those of the model and the objects, and those of `source`.
  [[nodiscard]] virtual Result<> attach_service(const ServiceOffer& offer, std::shared_ptr<ControlSource> source) = 0;
  /// The process of one that was attached is gone.
  virtual void service_lost(const std::string& service, const std::string& reason) = 0;
};

}  // namespace polycube::service
