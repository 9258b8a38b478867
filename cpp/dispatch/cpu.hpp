// What this CPU and its operating system support: exactly the flags that the ISA objects are
// compiled with.
#pragma once

namespace schuss {

bool cpu_has_avx2();
bool cpu_has_avx512();

}  // namespace schuss
