#include "bindings/tensors.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

namespace schuss {
namespace {

// DLPack 1.x, as far as it is read here.
struct DLTensor {
    void* data;
    std::int32_t device_type, device_id;
    std::int32_t ndim;
    std::uint8_t code, bits;
    std::uint16_t lanes;
    std::int64_t *shape, *strides;
    std::uint64_t byte_offset;
};
struct ExchangeTable {
    std::uint32_t major, minor;
    ExchangeTable* previous;
    void* allocate;
    void* managed_from_object;
    void* managed_to_object;
    int (*from_object)(void* object, DLTensor* out);  // borrowed; -1 with an error set
    void* current_stream;
};
constexpr int kCpu = 1, kFloat = 2, kBfloat = 4, kComplex = 5;

std::optional<Element> element_of(int code, int bits) {
    if (code == kFloat && bits == 32) return Element::kFloat32;
    if (code == kFloat && bits == 64) return Element::kFloat64;
    if (code == kFloat && bits == 16) return Element::kFloat16;
    if (code == kBfloat && bits == 16) return Element::kBFloat16;
    return std::nullopt;
}

py::object checked(PyObject* value) {
    if (!value) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(value);
}

// Half of the time of looking the names up in each tensor.
py::object get(const py::object& descriptor, PyObject* o) {
    const PyGetSetDef* by = reinterpret_cast<PyGetSetDescrObject*>(descriptor.ptr())->d_getset;
    return checked(by->get(o, by->closure));
}

py::object call(const py::object& method, PyObject* o) {
    return checked(
        reinterpret_cast<PyMethodDescrObject*>(method.ptr())->d_method->ml_meth(o, nullptr));
}

py::object descriptor(const py::object& type, const char* name, const char* kind) {
    py::object found = type.attr(name);
    if (std::string(Py_TYPE(found.ptr())->tp_name) != kind)
        throw std::runtime_error(std::string("torch.Tensor.") + name + " is no " + kind);
    return found;
}

}  // namespace

View TensorView::view() const {
    const std::int64_t size = kBytes[static_cast<int>(type)];
    View result{data, type, {shape, shape + axes}, {strides, strides + axes}};
    for (std::int64_t& stride : result.strides) stride *= complex ? 2 * size : size;
    if (complex) {
        result.shape.push_back(2);
        result.strides.push_back(size);
    }
    return result;
}

Extent TensorView::extent() const {
    const std::int64_t size = kBytes[static_cast<int>(type)] * (complex ? 2 : 1);
    Extent e{data, data + size};
    for (int a = 0; a < axes; ++a) {
        if (shape[a] == 0) return {data, data};
        e.high += (shape[a] - 1) * strides[a] * size;
    }
    return e;
}

TensorFingerprint::TensorFingerprint(const TensorView& view)
    : type_(view.type), complex_(view.complex) {
    shape_and_strides_.assign(view.shape, view.shape + view.axes);
    shape_and_strides_.insert(shape_and_strides_.end(), view.strides, view.strides + view.axes);
}

bool TensorFingerprint::matches(const TensorView& view) const {
    const auto axes = static_cast<std::size_t>(view.axes);
    const std::int64_t* seen = shape_and_strides_.data();
    return view.type == type_ && view.complex == complex_ &&
           shape_and_strides_.size() == 2 * axes && std::equal(seen, seen + axes, view.shape) &&
           std::equal(seen + axes, seen + 2 * axes, view.strides);
}

TensorReader::TensorReader(const py::module_& torch)
    : tensor_(torch.attr("Tensor")),
      parameter_(torch.attr("nn").attr("Parameter")),
      strided_(torch.attr("strided")),
      cpu_(torch.attr("device")("cpu")) {
    const py::object base = torch.attr("_C").attr("TensorBase");
    grad_ = descriptor(base, "grad", "getset_descriptor");
    version_ = descriptor(base, "_version", "getset_descriptor");
    is_neg_ = descriptor(base, "is_neg", "method_descriptor");
    is_conj_ = descriptor(base, "is_conj", "method_descriptor");
    const auto add = [&](const char* name, Element type, int sign) {
        types_[torch.attr(name)] = sign * (1 + static_cast<int>(type));
    };
    add("float32", Element::kFloat32, 1);
    add("float64", Element::kFloat64, 1);
    add("bfloat16", Element::kBFloat16, 1);
    add("float16", Element::kFloat16, 1);
    add("complex64", Element::kFloat32, -1);
    add("complex128", Element::kFloat64, -1);
    if (!py::hasattr(tensor_, "__dlpack_c_exchange_api__")) return;
    const py::object capsule = tensor_.attr("__dlpack_c_exchange_api__");
    auto* table =
        static_cast<ExchangeTable*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
    if (!table) throw py::error_already_set();
    while (table && table->major > 1) table = table->previous;
    if (table && table->major == 1 && table->from_object) table_ = table;
}

bool TensorReader::is_tensor(PyObject* o) const {
    const auto* type = reinterpret_cast<PyObject*>(Py_TYPE(o));
    return type == parameter_.ptr() || type == tensor_.ptr();
}

bool TensorReader::read(PyObject* o, TensorView& to) {
    if (!is_tensor(o)) return false;
    if (!table_) return read_attributes(o, to);
    DLTensor t;
    if (static_cast<ExchangeTable*>(table_)->from_object(o, &t) != 0) {
        PyErr_Clear();
        return false;
    }
    to.complex = t.code == kComplex;
    const auto type = element_of(to.complex ? kFloat : t.code, to.complex ? t.bits / 2 : t.bits);
    if (t.device_type != kCpu || t.lanes != 1 || !type) return false;
    to.data = static_cast<char*>(t.data) + t.byte_offset;
    to.type = *type;
    to.axes = t.ndim;
    to.shape = t.shape;
    to.strides = t.strides;
    return true;
}

// The same for a torch whose tensors have no table.
bool TensorReader::read_attributes(PyObject* o, TensorView& to) {
    const auto tensor = py::reinterpret_borrow<py::object>(o);
    const py::object dtype = tensor.attr("dtype");
    if (!py::object(tensor.attr("layout")).is(strided_) ||
        !py::object(tensor.attr("device")).equal(cpu_) || !types_.contains(dtype))
        return false;
    const int type = py::cast<int>(types_[dtype]);
    to.complex = type < 0;
    to.type = static_cast<Element>(std::abs(type) - 1);
    to.data = reinterpret_cast<char*>(py::cast<std::uintptr_t>(tensor.attr("data_ptr")()));
    const auto shape = py::cast<py::tuple>(tensor.attr("shape"));
    const auto strides = py::cast<py::tuple>(tensor.attr("stride")());
    shape_and_strides_.clear();
    for (const py::handle n : shape) shape_and_strides_.push_back(py::cast<std::int64_t>(n));
    for (const py::handle n : strides) shape_and_strides_.push_back(py::cast<std::int64_t>(n));
    to.axes = static_cast<int>(shape.size());
    to.shape = shape_and_strides_.data();
    to.strides = to.shape + to.axes;
    return true;
}

py::object TensorReader::grad(PyObject* o) const { return get(grad_, o); }

std::int64_t TensorReader::version(PyObject* o) const {
    return py::cast<std::int64_t>(get(version_, o));
}

bool TensorReader::is_lazy(PyObject* o, bool complex) const {
    return call(is_neg_, o).ptr() == Py_True || (complex && call(is_conj_, o).ptr() == Py_True);
}

}  // namespace schuss
