#include "bindings/structure.hpp"

#include <algorithm>
#include <stdexcept>

namespace schuss {
namespace {

constexpr int kMaxDepth = 200;  // deeper than any model; a container that holds itself ends here

bool is_list(PyObject* o) { return PyList_Check(o); }
bool is_tuple(PyObject* o) { return PyTuple_Check(o); }
bool is_dict(PyObject* o) { return PyDict_Check(o); }

std::string type_name(PyObject* o) { return Py_TYPE(o)->tp_name; }

std::string joined(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
}

std::string key_text(py::handle key) { return py::cast<std::string>(py::str(key)); }

}  // namespace

std::string label(const char* name, const std::string& path) {
    return path.empty() ? std::string(name) : std::string(name) + "['" + path + "']";
}

Structure::Structure(py::handle tree, const char* name, const char* origin) : origin_(origin) {
    root_ = read(tree, name, "", 0);
    std::vector<std::string> sorted = paths_;
    std::sort(sorted.begin(), sorted.end());
    const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
    if (twin != sorted.end())
        throw py::value_error(std::string(name) + ": two arrays have the path '" + *twin +
                              "'; rename a key");
}

Structure::Node Structure::read(py::handle tree, const char* name, const std::string& path,
                                int depth) {
    if (depth > kMaxDepth)
        throw py::value_error(label(name, path) + " is nested more than " +
                              std::to_string(kMaxDepth) + " deep; at most that is wanted");
    Node node;
    node.path = path;
    PyObject* o = tree.ptr();
    if (is_dict(o)) {
        node.kind = Node::kDict;
        // Over a copy: turning a key into text may run Python code that changes the dict.
        const auto items = py::reinterpret_steal<py::dict>(PyDict_Copy(o));
        for (const auto& [key, value] : items) {
            if (!PyUnicode_Check(key.ptr()) && !PyLong_Check(key.ptr()))
                throw py::type_error(label(name, path) + " has a key of type " +
                                     type_name(key.ptr()) + "; strings or integers are wanted");
            node.keys.push_back(py::reinterpret_borrow<py::object>(key));
            node.children.push_back(read(value, name, joined(path, key_text(key)), depth + 1));
        }
    } else if (is_list(o) || is_tuple(o)) {
        node.kind = is_list(o) ? Node::kList : Node::kTuple;
        for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); ++k) {
            const auto child = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(o, k));
            node.children.push_back(read(child, name, joined(path, std::to_string(k)), depth + 1));
        }
    } else {
        paths_.push_back(path);
    }
    return node;
}

void Structure::collect(py::handle tree, const char* name, std::vector<py::object>& leaves) const {
    leaves.clear();
    collect(root_, tree.ptr(), name, leaves);
}

void Structure::collect(const Node& node, PyObject* tree, const char* name,
                        std::vector<py::object>& leaves) const {
    const auto fail = [&](const std::string& what) {
        throw py::value_error(label(name, node.path) + " " + what + " is wanted, as in " + origin_);
    };
    const auto size_differs = [&](std::size_t size) {
        fail("has " + std::to_string(size) + " items; " + std::to_string(node.children.size()));
    };
    switch (node.kind) {
        case Node::kLeaf:
            if (is_list(tree) || is_tuple(tree) || is_dict(tree))
                fail("is a " + type_name(tree) + "; an array");
            leaves.push_back(py::reinterpret_borrow<py::object>(tree));
            return;
        case Node::kDict:
            if (!is_dict(tree)) fail("is a " + type_name(tree) + "; a dict");
            for (std::size_t k = 0; k < node.children.size(); ++k) {
                PyObject* child = PyDict_GetItemWithError(tree, node.keys[k].ptr());
                if (!child) {
                    if (PyErr_Occurred()) throw py::error_already_set();
                    fail("lacks the key '" + key_text(node.keys[k]) + "', which");
                }
                collect(node.children[k], child, name, leaves);
            }
            if (const auto size = static_cast<std::size_t>(PyDict_Size(tree));
                size != node.children.size())
                size_differs(size);
            return;
        case Node::kList:
        case Node::kTuple: {
            if (!is_list(tree) && !is_tuple(tree))
                fail("is a " + type_name(tree) + "; a list or tuple");
            const auto size = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(tree));
            if (size != node.children.size()) size_differs(size);
            for (std::size_t k = 0; k < size; ++k)
                collect(node.children[k], PySequence_Fast_GET_ITEM(tree, k), name, leaves);
            return;
        }
    }
}

py::object Structure::unflatten(const py::list& leaves) const {
    if (leaves.size() != paths_.size())
        throw py::value_error("leaves has length " + std::to_string(leaves.size()) + "; " +
                              std::to_string(paths_.size()) + " is wanted");
    std::size_t next = 0;
    return unflatten(root_, leaves, next);
}

py::object Structure::unflatten(const Node& node, const py::list& leaves, std::size_t& next) {
    switch (node.kind) {
        case Node::kLeaf:
            return leaves[next++];
        case Node::kDict: {
            py::dict dict;
            for (std::size_t k = 0; k < node.children.size(); ++k)
                dict[node.keys[k]] = unflatten(node.children[k], leaves, next);
            return dict;
        }
        default: {
            py::list list;
            for (const Node& child : node.children) list.append(unflatten(child, leaves, next));
            return node.kind == Node::kTuple ? py::object(py::tuple(list)) : list;
        }
    }
}

}  // namespace schuss
