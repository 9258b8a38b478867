// THE list of rules: one include and one line each, from simple to complex. X(name, type).
#pragma once
#include "rules/sgd.hpp"
#include "rules/momentum.hpp"
#include "rules/asgd.hpp"
#include "rules/adagrad.hpp"
#include "rules/rmsprop.hpp"
#include "rules/adadelta.hpp"
#include "rules/adam.hpp"
#include "rules/adabelief.hpp"
#include "rules/radam.hpp"
#include "rules/nadam.hpp"
#include "rules/adamax.hpp"
#include "rules/lion.hpp"
#include "rules/rprop.hpp"
#include "rules/ademamix.hpp"
#include "rules/adan.hpp"
#include "rules/lars.hpp"
#include "rules/lamb.hpp"

#define SCHUSS_RULES(X)                                   \
    X(sgd, Sgd)                                           \
    X(momentum, Momentum)                                 \
    X(nesterov, Nesterov)                                 \
    X(velocity, Velocity)                                 \
    X(nesterov_velocity, NesterovVelocity)                \
    X(asgd, Asgd)                                         \
    X(adagrad, AdaGrad)                                   \
    X(rmsprop, RMSprop)                                   \
    X(rmsprop_momentum, RMSpropMomentum)                  \
    X(rmsprop_centered, RMSpropCentered)                  \
    X(rmsprop_centered_momentum, RMSpropCenteredMomentum) \
    X(adadelta, AdaDelta)                                 \
    X(adam, Adam)                                         \
    X(amsgrad, AmsGrad)                                   \
    X(adabelief, AdaBelief)                               \
    X(radam, RAdam)                                       \
    X(nadam, NAdam)                                       \
    X(adamax, Adamax)                                     \
    X(lion, Lion)                                         \
    X(rprop, Rprop)                                       \
    X(ademamix, AdEMAMix)                                 \
    X(adan, Adan)                                         \
    X(lars, Lars)                                         \
    X(lamb, Lamb)
