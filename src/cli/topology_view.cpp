// SPDX-License-Identifier: Apache-2.0
#include "cli/topology_view.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <set>

#include "cli/format.h"

namespace polycube::cli {
namespace {

struct Marks {
  const char* up;
  const char* down;
  const char* unwired;
  const char* line;    ///< link
  const char* broken;  ///< link that leads nowhere
  const char* branch;
  const char* last;
  const char* bar;
  const char* right;
  const char* left;
};
constexpr Marks unicode_marks{"●", "◌", "○", "──", "╌╌", "├─ ", "└─ ", "│", "▸", "◂"};
constexpr Marks ascii_marks{"*", "x", "o", "--", "..", "|- ", "`- ", "|", ">", "<"};

using PortId = std::pair<std::size_t, std::size_t>;  ///< indexes of cube and port

/// Where each port leads.
struct Link {
  enum class Kind { none, device, cube, one_sided } kind = Kind::none;
  PortId other;  ///< of kind cube
};

class Graph {
 public:
  explicit Graph(const TopologyView& topology) : topology_(topology) {
    for (std::size_t c = 0; c < topology.size(); ++c)
      if (const auto& parent = topology[c].parent; parent && !parent->empty()) chains_[*parent].push_back(c);
    for (auto& [parent, chain] : chains_)
      std::ranges::sort(chain, {}, [&](std::size_t c) { return std::pair{topology[c].place, c}; });
    std::map<std::string, PortId> by_name;
    for (std::size_t c = 0; c < topology.size(); ++c)
      for (std::size_t p = 0; p < topology[c].ports.size(); ++p)
        by_name.emplace(topology[c].name + ":" + topology[c].ports[p].name, PortId{c, p});
    for (const auto& [name, id] : by_name) drawn_parents_.insert(name);
    for (std::size_t c = 0; c < topology.size(); ++c) {
      links_.emplace_back();
      for (const auto& port : topology[c].ports) {
        Link link;
        if (port.peer.find(':') != std::string::npos) {
          const auto other = by_name.find(port.peer);
          const bool mutual =
              other != by_name.end() && port_at(other->second).peer == topology[c].name + ":" + port.name;
          link = mutual ? Link{Link::Kind::cube, other->second} : Link{Link::Kind::one_sided, {}};
        } else if (!port.peer.empty()) {
          link.kind = Link::Kind::device;
          drawn_parents_.insert(port.peer);
        }
        links_.back().push_back(link);
      }
    }
  }

  [[nodiscard]] const PortView& port_at(PortId id) const { return topology_[id.first].ports[id.second]; }
  [[nodiscard]] const Link& link(PortId id) const { return links_[id.first][id.second]; }
  [[nodiscard]] std::size_t ports(std::size_t cube) const { return links_[cube].size(); }

  /// The transparent cubes at a port or device: the first is the nearest to the port's cube, or to the wire.
  [[nodiscard]] const std::vector<std::size_t>& chain(const std::string& parent) const {
    static const std::vector<std::size_t> none;
    const auto found = chains_.find(parent);
    return found == chains_.end() ? none : found->second;
  }
  [[nodiscard]] const std::vector<std::size_t>& chain(PortId id) const {
    return chain(topology_[id.first].name + ":" + port_at(id).name);
  }

  /// Cubes joined by links, each group's cubes in the order of the topology. Transparent cubes are drawn with what they
  /// stand before; those at a device that is no port's are a group.
  [[nodiscard]] std::vector<std::vector<std::size_t>> groups() const {
    std::vector<bool> seen(links_.size());
    std::vector<std::vector<std::size_t>> groups;
    for (std::size_t start = 0; start < links_.size(); ++start) {
      if (seen[start]) continue;
      if (const auto parent = topology_[start].parent.value_or(""); !parent.empty()) {
        const auto& chain = this->chain(parent);
        if (!drawn_parents_.contains(parent) && chain.front() == start) groups.push_back(chain);
        continue;
      }
      std::vector<std::size_t> group{start};
      seen[start] = true;
      for (std::size_t i = 0; i < group.size(); ++i)
        for (const auto& link : links_[group[i]])
          if (link.kind == Link::Kind::cube && !seen[link.other.first]) {
            seen[link.other.first] = true;
            group.push_back(link.other.first);
          }
      std::ranges::sort(group);
      groups.push_back(std::move(group));
    }
    return groups;
  }

  /// A cube at the edge: one with a device and as few links to cubes as any such; else the one with the fewest links.
  [[nodiscard]] std::size_t start_of(const std::vector<std::size_t>& group) const {
    const auto rank = [&](std::size_t cube) {
      std::size_t devices = 0;
      std::size_t cubes = 0;
      for (const auto& link : links_[cube]) {
        devices += link.kind == Link::Kind::device ? 1 : 0;
        cubes += link.kind == Link::Kind::cube ? 1 : 0;
      }
      return std::pair{devices == 0, cubes};
    };
    return *std::ranges::min_element(group, {}, rank);
  }

 private:
  const TopologyView& topology_;
  std::vector<std::vector<Link>> links_;
  std::map<std::string, std::vector<std::size_t>> chains_;  ///< by parent
  std::set<std::string> drawn_parents_;                     ///< ports, and devices that are peers of ports
};

/// One piece of a row between two places where it may be broken, and what hangs below its cube.
struct Row;
struct Piece {
  std::string text;
  std::size_t box = 0;  ///< column, within the text, below which the cube's branches hang
  std::vector<std::unique_ptr<Row>> branches;
};
struct Row {
  std::vector<Piece> pieces;
};

/// Turns a group into rows: first the whole tree, so that each link is known to be drawn once, then its print.
class Builder {
 public:
  Builder(const TopologyView& topology, const Graph& graph, const std::optional<Rates>& rates, const Marks& marks)
      : topology_(topology), graph_(graph), rates_(rates), marks_(marks) {}

  Row build(std::size_t start) {
    Row row;
    std::string entry;
    if (const auto& parent = topology_[start].parent) {
      auto text = box(start) + " not attached";
      if (!parent->empty())
        text = fmt::format("{} {}{} host", printable(*parent), before(graph_.chain(*parent), false), marks_.line);
      row.pieces.push_back({std::move(text), 0, {}});
      return row;
    }
    for (std::size_t p = 0; p < graph_.ports(start); ++p) {
      if (graph_.link({start, p}).kind != Link::Kind::device) continue;
      entry = incoming_device({start, p});
      break;
    }
    run(start, entry, row);
    return row;
  }

 private:
  [[nodiscard]] const Rate* rate(PortId id) const {
    if (!rates_) return nullptr;
    const auto found = rates_->find({topology_[id.first].name, graph_.port_at(id).name});
    return found == rates_->end() ? nullptr : &found->second;
  }

  /// The line of a link, with packets/s along the row (rightwards) and against it.
  [[nodiscard]] std::string line(PortId port, bool port_is_left) const {
    const auto* r = rate(port);
    if (r == nullptr) return marks_.line;
    const auto right = port_is_left ? r->out_packets : r->in_packets;
    const auto left = port_is_left ? r->in_packets : r->out_packets;
    return fmt::format("{}{}{} {}{}{}", marks_.line, human(right), marks_.right, marks_.left, human(left), marks_.line);
  }

  [[nodiscard]] const char* mark(PortId id) const { return graph_.port_at(id).up ? marks_.up : marks_.down; }
  [[nodiscard]] std::string port_name(PortId id) const { return printable(graph_.port_at(id).name); }

  std::string incoming_device(PortId id) {
    drawn_.insert(id);
    const auto& device = graph_.port_at(id).peer;
    return fmt::format("{} {}{}{}{} {} ", printable(device), before(graph_.chain(device), false),
                       before(graph_.chain(id), true), line(id, false), mark(id), port_name(id));
  }

  /// Transparent cubes, each with the line in front of it, or behind it.
  [[nodiscard]] std::string before(std::vector<std::size_t> chain, bool reversed) const {
    if (reversed) std::ranges::reverse(chain);
    std::string text;
    for (const auto cube : chain) text += marks_.line + box(cube);
    return text;
  }
  [[nodiscard]] std::string behind(std::vector<std::size_t> chain, bool reversed) const {
    if (reversed) std::ranges::reverse(chain);
    std::string text;
    for (const auto cube : chain) text += box(cube) + marks_.line;
    return text;
  }

  [[nodiscard]] std::string box(std::size_t cube) const {
    const auto& view = topology_[cube];
    return fmt::format("[{} {} {}]", printable(view.name), printable(view.service), printable(view.type));
  }

  /// From `cube` along links to cubes that are not drawn yet, to a device or to an end.
  void run(std::size_t cube, std::string before, Row& row) {
    std::vector<std::size_t> cubes;
    for (;;) {
      seen_.insert(cube);
      cubes.push_back(cube);
      Piece piece;
      piece.box = display_width(before) + 1;
      piece.text = before + box(cube);
      const auto next = exit_of(cube);
      if (next) piece.text += " " + outgoing(*next);
      row.pieces.push_back(std::move(piece));
      if (!next || graph_.link(*next).kind != Link::Kind::cube || !fresh_) break;
      const auto other = graph_.link(*next).other;
      before = fmt::format("{} {} ", mark(other), port_name(other));
      cube = other.first;
    }
    for (std::size_t i = cubes.size(); i-- > 0;) add_branches(cubes[i], row.pieces[i]);
  }

  /// The port by which a row leaves a cube: to a cube that is not drawn, else to a device, else to a drawn cube.
  std::optional<PortId> exit_of(std::size_t cube) {
    std::optional<PortId> device;
    std::optional<PortId> closing;
    for (std::size_t p = 0; p < graph_.ports(cube); ++p) {
      const PortId id{cube, p};
      const auto& link = graph_.link(id);
      if (drawn_.contains(id)) continue;
      if (link.kind == Link::Kind::cube && !seen_.contains(link.other.first)) return id;
      if (link.kind == Link::Kind::device && !device) device = id;
      if (link.kind == Link::Kind::cube && !closing) closing = id;
    }
    return device ? device : closing;
  }

  /// A port and what it leads to, up to where a box would follow; `fresh_` says whether one does.
  std::string outgoing(PortId id) {
    fresh_ = false;
    drawn_.insert(id);
    const auto& port = graph_.port_at(id);
    const auto& link = graph_.link(id);
    const auto name = port_name(id);
    switch (link.kind) {
      case Link::Kind::none:
        return fmt::format("{} {}{} not connected", name, marks_.unwired, before(graph_.chain(id), false));
      case Link::Kind::one_sided:
        return fmt::format("{} {}{}{} {} (one-sided{})", name, marks_.down, before(graph_.chain(id), false),
                           marks_.broken, printable(port.peer),
                           port.reason.empty() ? "" : ": " + printable(port.reason));
      case Link::Kind::device:
        return fmt::format("{} {}{}{}{} {}{}", name, mark(id), line(id, true), behind(graph_.chain(id), false),
                           behind(graph_.chain(port.peer), true), printable(port.peer), port.up ? "" : " (down)");
      case Link::Kind::cube: break;
    }
    drawn_.insert(link.other);
    const auto start = fmt::format("{} {}{}{}{}", name, mark(id), line(id, true), behind(graph_.chain(id), false),
                                   behind(graph_.chain(link.other), true));
    fresh_ = !seen_.contains(link.other.first);
    if (fresh_) return start;
    return fmt::format("{}{} {} [{}]", start, mark(link.other), port_name(link.other),
                       printable(topology_[link.other.first].name));
  }

  void add_branches(std::size_t cube, Piece& piece) {
    for (std::size_t p = 0; p < graph_.ports(cube); ++p) {
      const PortId id{cube, p};
      if (drawn_.contains(id)) continue;
      auto row = std::make_unique<Row>();
      auto text = outgoing(id);
      if (fresh_) {
        const auto other = graph_.link(id).other;
        run(other.first, fmt::format("{}{} {} ", text, mark(other), port_name(other)), *row);
      } else {
        row->pieces.push_back({std::move(text), 0, {}});
      }
      piece.branches.push_back(std::move(row));
    }
  }

  const TopologyView& topology_;
  const Graph& graph_;
  const std::optional<Rates>& rates_;
  const Marks& marks_;
  std::set<PortId> drawn_;
  std::set<std::size_t> seen_;
  bool fresh_ = false;
};

class Printer {
 public:
  Printer(const Marks& marks, std::size_t width) : marks_(marks), width_(width) {}

  /// `number` goes on from group to group.
  std::string print(Row row, int& number) {
    waiting_.push_back({"", std::move(row)});
    while (!waiting_.empty()) {
      auto [label, next] = std::move(waiting_.front());
      waiting_.pop_front();
      print_row(label, label, next, number);
    }
    return std::move(text_);
  }

 private:
  /// `first` begins the row's line; `prefix` (bars) begins the lines below it.
  void print_row(const std::string& first, std::string prefix, Row& row, int& number) {
    prefix = first == prefix ? std::string(display_width(first), ' ') : prefix;
    std::string line = first;
    std::vector<std::pair<std::size_t, Piece*>> boxes;  // columns of the boxes of this line
    for (std::size_t i = 0; i < row.pieces.size(); ++i) {
      auto& piece = row.pieces[i];
      const bool more = i + 1 < row.pieces.size();
      const std::size_t reserve = more ? 5 : 0;
      if (width_ > 0 && i > 0 && display_width(line) + display_width(piece.text) + reserve > width_) {
        const auto label = fmt::format("({})", ++number);
        line += " " + label;
        Row rest;
        rest.pieces.insert(rest.pieces.end(),
                           std::make_move_iterator(row.pieces.begin() + static_cast<std::ptrdiff_t>(i)),
                           std::make_move_iterator(row.pieces.end()));
        waiting_.emplace_back(label + " " + marks_.line, std::move(rest));
        break;
      }
      boxes.emplace_back(display_width(line) + piece.box, &piece);
      line += piece.text;
    }
    text_ += line + "\n";
    while (!boxes.empty()) {
      const auto [column, piece] = boxes.back();
      boxes.pop_back();
      print_branches(bars(prefix, boxes), column, *piece, number);
    }
  }

  /// The prefix with a bar below each box that still has branches to come.
  std::string bars(std::string prefix, const std::vector<std::pair<std::size_t, Piece*>>& boxes) const {
    for (const auto& [column, piece] : boxes)
      if (!piece->branches.empty()) prefix = padded(std::move(prefix), column) + marks_.bar;
    return prefix;
  }

  static std::string padded(std::string text, std::size_t column) {
    const auto width = display_width(text);
    return std::move(text) + std::string(column > width ? column - width : 0, ' ');
  }

  void print_branches(const std::string& prefix, std::size_t column, Piece& piece, int& number) {
    const auto start = padded(prefix, column);
    for (std::size_t i = 0; i < piece.branches.size(); ++i) {
      const bool last = i + 1 == piece.branches.size();
      print_row(start + (last ? marks_.last : marks_.branch), last ? start : start + marks_.bar, *piece.branches[i],
                number);
    }
  }

  const Marks& marks_;
  std::size_t width_;
  std::string text_;
  std::deque<std::pair<std::string, Row>> waiting_;
};

bool holds(const TopologyView& topology, const std::vector<std::size_t>& group, const std::string& name) {
  return std::ranges::any_of(group, [&](std::size_t cube) {
    return topology[cube].name == name || topology[cube].parent == name ||
           std::ranges::any_of(topology[cube].ports, [&](const PortView& port) {
             return port.peer == name || topology[cube].name + ":" + port.name == name;
           });
  });
}

std::string rate_table(const TopologyView& topology, const Rates& rates,
                       const std::vector<std::vector<std::size_t>>& groups) {
  std::vector<std::vector<std::string>> rows{{"port", "in pkt/s", "in bit/s", "out pkt/s", "out bit/s"}};
  for (const auto& group : groups)
    for (const auto cube : group)
      for (const auto& port : topology[cube].ports) {
        const auto found = rates.find({topology[cube].name, port.name});
        if (found == rates.end() || (found->second.in_packets <= 0 && found->second.out_packets <= 0)) continue;
        const auto& rate = found->second;
        rows.push_back({printable(topology[cube].name + ":" + port.name), human(rate.in_packets),
                        human(rate.in_octets * 8), human(rate.out_packets), human(rate.out_octets * 8)});
      }
  return rows.size() == 1 ? std::string() : "\n" + table(rows, "");
}

std::uint64_t number_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_integer() ? found->get<std::uint64_t>() : 0;
}

std::string text_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

TopologyView parse_topology(const Json& cubes, const Json& devices) {
  TopologyView topology;
  std::map<std::pair<std::string, std::string>, std::size_t> places;  // by parent and cube
  const auto remember = [&](const std::string& parent, const Json& entry) {
    if (!entry.is_object() || !entry.contains("tcubes") || !entry["tcubes"].is_array()) return;
    for (const auto& cube : entry["tcubes"])
      if (cube.is_string()) places.emplace(std::pair{parent, cube.get<std::string>()}, places.size());
  };
  if (devices.is_object() && devices.contains("netdev"))
    for (const auto& device : devices["netdev"]) remember(text_of(device, "name"), device);
  if (!cubes.is_object() || !cubes.contains("cube")) return topology;
  for (const auto& cube : cubes["cube"]) {
    CubeView view{text_of(cube, "name"), text_of(cube, "service-name"), text_of(cube, "type"), {}};
    if (cube.is_object() && cube.contains("parent")) view.parent = text_of(cube, "parent");
    if (cube.is_object() && cube.contains("ports"))
      for (const auto& port : cube["ports"]) {
        view.ports.push_back({text_of(port, "name"), text_of(port, "peer"), text_of(port, "status") == "UP",
                              number_of(port, "in-pkts"), number_of(port, "in-octets"), number_of(port, "out-pkts"),
                              number_of(port, "out-octets"), text_of(port, "status-reason")});
        remember(view.name + ":" + view.ports.back().name, port);
      }
    topology.push_back(std::move(view));
  }
  for (auto& cube : topology)
    if (const auto place = places.find({cube.parent.value_or(""), cube.name}); place != places.end())
      cube.place = place->second;
  return topology;
}

std::vector<std::string> names_in(const TopologyView& topology) {
  std::vector<std::string> names;
  for (const auto& cube : topology) {
    names.push_back(cube.name);
    if (const auto parent = cube.parent.value_or(""); !parent.empty()) names.push_back(parent);
    for (const auto& port : cube.ports)
      if (!port.peer.empty()) names.push_back(port.peer);
  }
  return names;
}

Rates rates_between(const TopologyView& before, const TopologyView& after, std::chrono::duration<double> elapsed) {
  Rates rates;
  if (elapsed.count() <= 0) return rates;
  std::map<std::pair<std::string, std::string>, const PortView*> earlier;
  for (const auto& cube : before)
    for (const auto& port : cube.ports) earlier.emplace(std::pair{cube.name, port.name}, &port);
  for (const auto& cube : after)
    for (const auto& port : cube.ports) {
      const auto found = earlier.find({cube.name, port.name});
      if (found == earlier.end()) continue;
      const auto& old = *found->second;
      if (port.in_packets < old.in_packets || port.out_packets < old.out_packets || port.in_octets < old.in_octets ||
          port.out_octets < old.out_octets)
        continue;
      const auto per_second = [&](std::uint64_t now, std::uint64_t then) {
        return static_cast<double>(now - then) / elapsed.count();
      };
      rates[{cube.name, port.name}] = {
          per_second(port.in_packets, old.in_packets), per_second(port.in_octets, old.in_octets),
          per_second(port.out_packets, old.out_packets), per_second(port.out_octets, old.out_octets)};
    }
  return rates;
}

std::string draw(const TopologyView& topology, const std::optional<Rates>& rates, const DrawOptions& options) {
  const Marks& marks = options.unicode ? unicode_marks : ascii_marks;
  const Graph graph(topology);
  auto groups = graph.groups();
  auto only = options.only;
  for (const auto& cube : topology)  // a transparent cube is drawn with what it stands before
    if (cube.name == options.only && !cube.parent.value_or("").empty()) only = *cube.parent;
  if (!only.empty()) std::erase_if(groups, [&](const auto& group) { return !holds(topology, group, only); });
  std::string text;
  int number = 0;
  for (const auto& group : groups) {
    Builder builder(topology, graph, rates, marks);
    text += Printer(marks, options.width).print(builder.build(graph.start_of(group)), number);
  }
  if (rates) text += rate_table(topology, *rates, groups);
  return text;
}

std::string human(double number) {
  static constexpr const char* suffixes[] = {"", "k", "M", "G", "T"};
  std::size_t step = 0;
  while (number >= 999.5 && step + 1 < std::size(suffixes)) {
    number /= 1000;
    ++step;
  }
  if (step == 0) return fmt::format("{:.0f}", number);
  return fmt::format("{:.{}f}{}", number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0, suffixes[step]);
}

}  // namespace polycube::cli
