#include "dispatch/dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "dispatch/cpu.hpp"

namespace schuss {

#define SCHUSS_ISA(name, supported)        \
    namespace name {                       \
    extern const KernelTable kernel_table; \
    extern const DenseTable dense_table;   \
    extern const ModelTable model_table;   \
    }
#include "dispatch/isas.def"
#undef SCHUSS_ISA

namespace {

struct Isa {
    const char* name;
    const KernelTable* kernels;
    const DenseTable* dense;
    const ModelTable* models;
    bool (*supported)();
};

constexpr Isa kIsas[] = {
#define SCHUSS_ISA(name, supported)                                      \
    {#name, &name::kernel_table, &name::dense_table, &name::model_table, \
     [] { return bool(supported); }},
#include "dispatch/isas.def"
#undef SCHUSS_ISA
};

std::atomic<const Isa*> active{nullptr};

void activate(const std::string& name, const std::string& argument) {
    for (const Isa& isa : kIsas)
        if (isa.name == name && isa.supported()) {
            active = &isa;
            return;
        }
    std::string message = argument + " is '" + name + "'; of this CPU one of";
    for (const std::string& known : available_isas()) message += " '" + known + "'";
    throw std::invalid_argument(message + " is wanted");
}

}  // namespace

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Isa& isa : kIsas)
        if (isa.supported()) names.emplace_back(isa.name);
    return names;
}

std::string active_isa() { return active.load()->name; }

const KernelTable& kernels() { return *active.load()->kernels; }

const DenseTable& dense() { return *active.load()->dense; }

const ModelTable& lane_models() { return *active.load()->models; }

void use_isa(const std::string& name) { activate(name, "ISA"); }

void choose_isa() {
    const char* forced = std::getenv("SCHUSS_ISA");
    if (forced && *forced)
        activate(forced, "SCHUSS_ISA");
    else
        activate(available_isas().front(), "ISA");
}

}  // namespace schuss
