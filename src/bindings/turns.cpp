#include "bindings/turns.hpp"

#include <algorithm>
#include <queue>
#include <utility>

namespace minigrad {
namespace {

// A use of a leaf: the number of the node that reads it, and by which of its edges.
using Place = std::pair<long long, int>;

// For each leaf with hooks the last of its uses that the sweep comes to. Nodes are taken in the sweep's order, the
// highest number first.
std::map<PyObject*, Place> last_places(const std::vector<PyObject*>& roots) {
  std::map<PyObject*, Place> places;
  std::priority_queue<std::pair<long long, PyObject*>> waiting;
  const auto wait = [&waiting](PyObject* node) { waiting.emplace(sequence_of(node), node); };
  for (PyObject* const root : roots) {
    if (!is_leaf(root)) wait(root);
  }
  for (PyObject* last = nullptr; !waiting.empty();) {
    PyObject* const node = waiting.top().second;
    waiting.pop();
    if (node == last) continue;  // several edges lead there
    last = node;
    for (int i = node_in(node)->edges.count - 1; i >= 0; --i) {
      PyObject* const source = node_in(node)->edges[i].node;
      if (source == nullptr) continue;
      if (!is_leaf(source)) {
        wait(source);
      } else if (is_hooked(source)) {
        places[source] = {sequence_of(node), i};
      }
    }
  }
  return places;
}

}  // namespace

bool is_hooked(PyObject* node) {
  if (is_just(node, g_connections.leaf) || is_just(node, g_connections.node)) return false;
  const Reference hooked(PyObject_GetAttrString(node, "hooked"));
  return hooked != nullptr && PyObject_IsTrue(hooked.get()) == 1;
}

Turns turns_of_hooked_leaves(const std::vector<PyObject*>& roots) {
  Turns turns;
  if (PyDict_GET_SIZE(g_connections.leaf_hooks) == 0) return turns;
  std::vector<std::pair<Place, PyObject*>> leaves;
  for (const auto& [leaf, place] : last_places(roots)) leaves.emplace_back(place, leaf);
  std::sort(leaves.begin(), leaves.end());
  for (size_t n = 0; n < leaves.size(); ++n) {
    turns[leaves[n].second] = static_cast<double>(leaves[n].first.first) - 1.0 / (2.0 + static_cast<double>(n));
  }
  return turns;
}

}  // namespace minigrad
