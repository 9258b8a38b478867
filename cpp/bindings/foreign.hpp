// Arrays and tensors of other libraries, through DLPack and what PyTorch has beside it, as NumPy's.
#pragma once
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

namespace schuss {

namespace py = pybind11;

// Whether o has memory that another library lends, and is no NumPy array.
bool is_foreign(PyObject* o);

// What is foreign as a NumPy array; over the very memory of the other where it is to be written.
// Throws TypeError where that cannot be.
py::object foreign_view(const py::object& foreign, const std::string& label, bool written);

// Puts views in the place of all foreign leaves; false where there are none. `written`, where
// given, makes them writeable, and gets their owners, and None for the other leaves.
bool view_foreign(std::vector<py::object>& leaves, const char* name,
                  const std::vector<std::string>& paths,
                  std::vector<py::object>* written = nullptr);

// Lets PyTorch's autograd know that a tensor has been written; nothing for anything else.
void mark_written(const py::object& owner);

}  // namespace schuss
