// Lists of names, as the registries have them.
#pragma once
#include <pybind11/stl.h>

#include <string>
#include <vector>

namespace schuss {

inline std::vector<std::string> words(const char* list, const char* between = " ") {
    namespace py = pybind11;
    return *list ? py::cast<std::vector<std::string>>(py::str(list).attr("split")(between))
                 : std::vector<std::string>();
}

}  // namespace schuss
