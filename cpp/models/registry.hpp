// THE list of models: one include and one line each. X(name, type).
#pragma once
#include "models/gaussian.hpp"
#include "models/gaussian_2d.hpp"
#include "models/lorentzian.hpp"
#include "models/voigt.hpp"
#include "models/exponential.hpp"
#include "models/biexponential.hpp"
#include "models/sigmoid.hpp"
#include "models/power.hpp"

#define SCHUSS_MODELS(X)            \
    X(gaussian, Gaussian)           \
    X(gaussian_2d, Gaussian2d)      \
    X(lorentzian, Lorentzian)       \
    X(voigt, Voigt)                 \
    X(exponential, Exponential)     \
    X(biexponential, Biexponential) \
    X(sigmoid, Sigmoid)             \
    X(power, Power)
