// Nested lists, tuples and dicts of arrays: which leaves there are, in which order, under which
// path.
#pragma once
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

namespace schuss {

namespace py = pybind11;

class Structure {
  public:
    // Dict keys must be strings or integers. `name` is the argument's name in errors, `origin` what
    // later trees are compared with.
    Structure(py::handle tree, const char* name, const char* origin);

    // Path of each leaf, keys and indices joined by dots: "layers.0.w"; "" where the tree is one
    // array.
    const std::vector<std::string>& paths() const { return paths_; }

    bool is_leaf() const { return root_.kind == Node::kLeaf; }

    // The leaves of a tree of the same structure. Lists and tuples count as the same;
    // dicts may be in any order. Throws ValueError that names the path where the tree differs.
    void collect(py::handle tree, const char* name, std::vector<py::object>& leaves) const;

    // The same structure in plain containers around other leaves.
    py::object unflatten(const py::list& leaves) const;

  private:
    struct Node {
        enum Kind { kLeaf, kList, kTuple, kDict } kind = kLeaf;
        std::string path;
        std::vector<py::object> keys;
        std::vector<Node> children;
    };

    Node read(py::handle tree, const char* name, const std::string& path, int depth);
    void collect(const Node& node, PyObject* tree, const char* name,
                 std::vector<py::object>& leaves) const;
    static py::object unflatten(const Node& node, const py::list& leaves, std::size_t& next);

    const char* origin_;
    Node root_;
    std::vector<std::string> paths_;
};

// How errors call an array: grads, or grads['layers.0.w'].
std::string label(const char* name, const std::string& path);

}  // namespace schuss
