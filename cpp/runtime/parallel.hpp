// Threads: how many, and one parallel region for many tasks. The only place that knows OpenMP.
#pragma once

namespace schuss {

void init_threads();  // reads the environment and the machine once, at import; throws
                      // std::invalid_argument
void set_num_threads(int n);
int get_num_threads();
bool has_openmp();

// Tasks 0 to tasks - 1, one a thread. Serial when another region is running, and for ever in a
// forked child: libgomp hangs when a child enters a region after its parent has.
void run_tasks(int tasks, void (*run)(const void*, int), const void* context);

template <class F>
void parallel_for(int tasks, const F& task) {
    run_tasks(tasks, [](const void* f, int k) { (*static_cast<const F*>(f))(k); }, &task);
}

}  // namespace schuss
