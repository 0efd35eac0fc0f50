// Giving the GIL away and taking it, also while the interpreter ends: then Python would end a daemon thread by unwinding
// it, through frames of the library that let nothing pass. Such a thread sleeps instead, and the process ends around it.
#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

namespace llava_python {

inline void sleep_when_finalizing() {
  while (_Py_IsFinalizing() && getpid() != gettid()) pause();
}

class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() noexcept(false) {
    sleep_when_finalizing();
    PyEval_RestoreThread(state_);
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

class WithGil {
 public:
  WithGil() {
    sleep_when_finalizing();
    state_ = PyGILState_Ensure();
  }
  ~WithGil() { PyGILState_Release(state_); }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace llava_python
