"""Vectors as values in kernels: several numbers in one variable, one machine instruction for all.

The compiler turns most loops over arrays into vector instructions by itself, but writes the results
of each pass to memory. A kernel that goes through many time steps needs its
state in registers, so here a vector is a type of its own:

    v = load(analog, V, WIDTH_16)                  # 16 float32, beginning at analog[V]
    v = v * decay + leak
    v = select(v > limit, limit, v)
    store(analog, V, v)

A vector has float32, uint32, uint8 or, as the result of a comparison, one-bit elements. Operations
work element by element; a scalar stands for a vector of equal elements. Each is one IEEE operation,
never contracted or reordered, so results are the same on every machine; a processor whose registers
are shorter takes several instructions.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import datamodel, imputils
from numba.core.typing import templates

Decorator = Callable[[Any], Any]

# numba's own annotations are incomplete.
signature: Any = templates.signature
infer_global: Any = templates.infer_global
native_value: Any = extending.NativeValue
lower_builtin: Any = imputils.lower_builtin
lower_constant: Callable[[Any], Decorator] = imputils.lower_constant
register_model: Callable[[Any], Decorator] = extending.register_model
register_type: Callable[[Any], Decorator] = extending.typeof_impl.register
unbox: Callable[[Any], Decorator] = extending.unbox
intrinsic: Decorator = extending.intrinsic

LLVM_TYPES: dict[Any, Any] = {
    types.float32: ir.FloatType(),
    types.uint32: ir.IntType(32),
    types.uint8: ir.IntType(8),
    types.boolean: ir.IntType(1),
}


class Width:
    """A number of elements, known when a kernel is compiled."""

    def __init__(self, count: int) -> None:
        self.count = count


class WidthType(types.Dummy):
    """The type of a ``Width``: one for each number of elements."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"width_{count}")


class VectorType(types.Type):
    """The type of a vector of ``count`` elements."""

    def __init__(self, element: types.Type, count: int) -> None:
        self.element, self.count = element, count
        super().__init__(f"vector_{count}_{element}")


@register_model(WidthType)
class _WidthModel(datamodel.models.OpaqueModel):
    """Nothing but its type is known of a ``Width``."""


@register_model(VectorType)
class _VectorModel(datamodel.models.PrimitiveModel):
    """A vector is a value of LLVM's own vector type."""

    def __init__(self, manager: Any, vector: VectorType) -> None:
        """Take LLVM's type from the numba type."""
        element = LLVM_TYPES[vector.element]
        super().__init__(manager, vector, ir.VectorType(element, vector.count))  # type: ignore[no-untyped-call]


@register_type(Width)
def _width_type(width: Width, context: Any) -> WidthType:
    return WidthType(width.count)


@lower_constant(WidthType)
def _width_constant(context: Any, builder: Any, width: WidthType, value: Width) -> Any:
    return context.get_dummy_value()


@unbox(WidthType)
def _width_argument(width: WidthType, value: Any, context: Any) -> Any:
    return native_value(context.context.get_dummy_value())


OPERATIONS: dict[Any, dict[Any, tuple[str, tuple[str, ...], Any]]] = {
    operator.add: {types.float32: ("fadd", (), types.float32)},
    operator.sub: {types.float32: ("fsub", (), types.float32)},
    operator.mul: {types.float32: ("fmul", (), types.float32)},
    operator.lt: {types.float32: ("fcmp_ordered", ("<",), types.boolean)},
    operator.gt: {types.float32: ("fcmp_ordered", (">",), types.boolean)},
    operator.le: {types.float32: ("fcmp_ordered", ("<=",), types.boolean)},
    operator.eq: {types.uint8: ("icmp_unsigned", ("==",), types.boolean)},
    operator.ge: {types.float32: ("fcmp_ordered", (">=",), types.boolean)},
    operator.lshift: {types.uint32: ("shl", (), types.uint32)},
    operator.rshift: {types.uint32: ("lshr", (), types.uint32)},
    operator.xor: {types.uint32: ("xor", (), types.uint32)},
    operator.and_: {types.boolean: ("and_", (), types.boolean)},
    operator.or_: {types.boolean: ("or_", (), types.boolean)},
    operator.invert: {types.boolean: ("not_", (), types.boolean)},
}
"""By the operands' elements: the builder's method, its first arguments, the result's elements."""


def _repeated(context: Any, builder: Any, value: Any, given: Any, vector: VectorType) -> Any:
    """Repeat a scalar in all elements of a vector; return a vector as it is."""
    if isinstance(given, VectorType):
        return value
    unset = ir.Constant(context.get_value_type(vector), ir.Undefined)
    first = builder.insert_element(unset, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(
        first, unset, ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    )


def _define(symbol: Any) -> None:
    """Let an operator work on vectors, and on a vector and a scalar."""

    class _Operator(templates.AbstractTemplate):
        key = symbol

        def generic(self, operands: Any, keywords: Any) -> Any:
            vectors = {operand for operand in operands if isinstance(operand, VectorType)}
            if len(vectors) != 1:
                return None
            (vector,) = vectors
            operation = OPERATIONS[symbol].get(vector.element)
            if operation is None:
                return None
            # numba casts a scalar to what is asked for here.
            wanted = [v if v == vector else vector.element for v in operands]
            return signature(VectorType(operation[-1], vector.count), *wanted)

    def lower(context: Any, builder: Any, called: Any, values: Any) -> Any:
        vector = next(given for given in called.args if isinstance(given, VectorType))
        name, leading, _ = OPERATIONS[symbol][vector.element]
        given_values = zip(values, called.args, strict=True)
        whole = [_repeated(context, builder, v, given, vector) for v, given in given_values]
        return getattr(builder, name)(*leading, *whole)

    infer_global(symbol)(_Operator)
    if symbol is operator.invert:
        lower_builtin(symbol, VectorType)(lower)
        return
    for scalar in (VectorType, types.Float, types.Integer):
        lower_builtin(symbol, VectorType, scalar)(lower)
        if scalar is not VectorType:
            lower_builtin(symbol, scalar, VectorType)(lower)


for _symbol in OPERATIONS:
    _define(_symbol)


def _place(context: Any, builder: Any, array: Any, memory: Any, first: Any, vector: Any) -> Any:
    """Return the address of a vector within an array."""
    data = context.make_array(array)(context, builder, memory).data
    address = builder.gep(data, [first], inbounds=True)
    return builder.bitcast(address, context.get_value_type(vector).as_pointer())


@intrinsic
def load(typing: Any, array: Any, first: Any, width: Any) -> Any:
    """Return elements ``first`` to ``first + count − 1`` of a contiguous array."""
    vector = VectorType(array.dtype, width.count)

    def lower(context: Any, builder: Any, called: Any, values: Any) -> Any:
        memory, index, _ = values
        address = _place(context, builder, array, memory, index, vector)
        return builder.load(address, align=array.dtype.bitwidth // 8)

    return signature(vector, array, types.int64, width), lower


@intrinsic
def store(typing: Any, array: Any, first: Any, vector: Any) -> Any:
    """Write a vector into an array, from element ``first`` on."""

    def lower(context: Any, builder: Any, called: Any, values: Any) -> Any:
        memory, index, value = values
        address = _place(context, builder, array, memory, index, vector)
        builder.store(value, address, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return signature(types.void, array, types.int64, vector), lower


@intrinsic
def select(typing: Any, condition: Any, if_true: Any, if_false: Any) -> Any:
    """Return ``if_true`` where the condition holds and ``if_false`` elsewhere."""
    (vector,) = {v for v in (if_true, if_false) if isinstance(v, VectorType)}
    wanted = [v if v == vector else vector.element for v in (if_true, if_false)]

    def lower(context: Any, builder: Any, called: Any, values: Any) -> Any:
        given = zip(values[1:], called.args[1:], strict=True)
        return builder.select(
            values[0], *(_repeated(context, builder, v, kind, vector) for v, kind in given)
        )

    return signature(vector, condition, *wanted), lower


@intrinsic
def to_float(typing: Any, vector: Any) -> Any:
    """Return the elements of a vector of whole numbers as float32; uint32 counts as signed."""
    result = VectorType(types.float32, vector.count)
    name = "sitofp" if vector.element == types.uint32 else "uitofp"

    def lower(context: Any, builder: Any, called: Any, values: Any) -> Any:
        return getattr(builder, name)(values[0], context.get_value_type(result))

    return signature(result, vector), lower


@intrinsic
def mask(typing: Any, condition: Any) -> Any:
    """Return a uint32 with one bit per element, the first in the lowest; at most 32 elements."""

    def lower(context: Any, builder: Any, called: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], ir.IntType(condition.count))
        whole = ir.IntType(32)
        return bits if condition.count == whole.width else builder.zext(bits, whole)

    return signature(types.uint32, condition), lower


@intrinsic
def lowest(typing: Any, bits: Any) -> Any:
    """Return the index of the lowest bit that is set; ``bits`` is not 0."""

    def lower(context: Any, builder: Any, called: Any, values: Any) -> Any:
        index = builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))
        return builder.zext(index, ir.IntType(64))

    return signature(types.int64, types.uint32), lower
