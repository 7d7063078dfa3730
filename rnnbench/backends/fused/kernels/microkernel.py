"""The innermost loop of a matrix product, as vector instructions.

BLAS libraries are made for large matrices; the products of one recurrent step are small, and two to four times faster
when a tile of the result is held in registers: `ROWS` rows by two vectors, to which one column of a and one row of m
are added at a time.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from rnnbench.backends.fused.kernels.jit import intrinsic

_FEATURES = llvm.get_host_cpu_features()
VECTOR_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx2") else 16
ROWS = 12 if _FEATURES.get("avx512f") or _FEATURES.get("neon") else 6
"""The most rows of a tile: two vectors for each and some more must fit into 32 registers, or 16."""

_INDEX = ir.IntType(64)


def lanes(type_bytes: int) -> int:
    """How many numbers of so many bytes a vector holds."""
    return VECTOR_BYTES // type_bytes


@intrinsic
def address(typing_context: Any, array: Any) -> Any:
    """Where an array's data begins."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        structure = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(structure.data, _INDEX)

    return types.intp(array), generate


@intrinsic
def tile(
    typing_context: Any, one: Any, rows: Any, depth: Any, columns: Any, a: Any, a_row: Any, a_step: Any,
    m: Any, m_step: Any, m_strip: Any, start: Any, start_row: Any, out: Any, out_row: Any,
) -> Any:  # fmt: skip
    """out[r, j] = start[r, j] + sum_k a[r, k] m[k, j] for `rows` <= ROWS and `columns` <= two vectors.

    a, m, start and out are addresses, the rest strides in numbers; `one` only gives the type. The second vector of a
    row of m lies `m_strip` after the first. Loads and stores beyond `columns` are masked out.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer = _TileWriter(builder, context.get_value_type(signature.args[0]), *arguments[2:])
        done = builder.append_basic_block("done")
        two_vectors = builder.icmp_signed(">=", arguments[3], _INDEX(2 * writer.lanes))
        wide, narrow = builder.append_basic_block("wide"), builder.append_basic_block("narrow")
        builder.cbranch(two_vectors, wide, narrow)
        for block, vectors in [(wide, 2), (narrow, 1)]:
            builder.position_at_end(block)
            unreachable = builder.append_basic_block("unreachable")
            switch = builder.switch(arguments[1], unreachable)
            builder.position_at_end(unreachable)
            builder.unreachable()
            for count in range(1, ROWS + 1):
                case = builder.append_basic_block(f"rows{count}")
                switch.add_case(_INDEX(count), case)
                builder.position_at_end(case)
                writer.write(count, vectors)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(one, *[types.intp] * 13), generate


class _TileWriter:
    """Writes the loop over k for a fixed number of rows and vectors."""

    def __init__(
        self, builder: Any, scalar: Any, depth: Any, columns: Any, a: Any, a_row: Any, a_step: Any,
        m: Any, m_step: Any, m_strip: Any, start: Any, start_row: Any, out: Any, out_row: Any,
    ) -> None:  # fmt: skip
        self.builder, self.scalar, self.depth, self.columns = builder, scalar, depth, columns
        self.a, self.a_row, self.a_step = a, a_row, a_step
        self.m, self.m_step, self.m_strip = m, m_step, m_strip
        self.start, self.start_row, self.out, self.out_row = start, start_row, out, out_row
        self.bytes = 4 if isinstance(scalar, ir.FloatType) else 8
        self.lanes = lanes(self.bytes)
        self.vector = ir.VectorType(scalar, self.lanes)
        self.mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        suffix = f"v{self.lanes}f{8 * self.bytes}"
        declare: Any = cgutils.get_or_insert_function
        module, pointer = builder.module, self.vector.as_pointer()
        self.fma = declare(module, ir.FunctionType(self.vector, [self.vector] * 3), f"llvm.fma.{suffix}")
        self.masked_load = declare(
            module,
            ir.FunctionType(self.vector, [pointer, ir.IntType(32), self.mask_type, self.vector]),
            f"llvm.masked.load.{suffix}.p0",
        )
        self.masked_store = declare(
            module,
            ir.FunctionType(ir.VoidType(), [self.vector, pointer, ir.IntType(32), self.mask_type]),
            f"llvm.masked.store.{suffix}.p0",
        )

    def write(self, rows: int, vectors: int) -> None:
        builder = self.builder
        self.mask = self._mask() if vectors == 1 else None
        cells = [(r, v) for r in range(rows) for v in range(vectors)]
        starts = [self._load(self._at(self.start, (self.start_row, r), v * self.lanes)) for r, v in cells]
        entry, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(_INDEX)
        k.add_incoming(_INDEX(0), entry)
        sums = [builder.phi(self.vector) for _ in cells]
        strips = [
            builder.add(builder.mul(k, self.m_step), builder.mul(_INDEX(v), self.m_strip)) for v in range(vectors)
        ]
        m_row = [self._load(self._pointer(self.m, strip, self.vector)) for strip in strips]
        k_offset = builder.mul(k, self.a_step)
        column = [self._spread(builder.add(k_offset, builder.mul(_INDEX(r), self.a_row))) for r in range(rows)]
        news = [builder.call(self.fma, [column[r], m_row[v], total]) for (r, v), total in zip(cells, sums, strict=True)]
        for total, start, new in zip(sums, starts, news, strict=True):
            total.add_incoming(start, entry)
            total.add_incoming(new, loop)
        k_next = builder.add(k, _INDEX(1))
        k.add_incoming(k_next, loop)
        builder.cbranch(builder.icmp_signed("<", k_next, self.depth), loop, end)
        builder.position_at_end(end)
        for (r, v), new in zip(cells, news, strict=True):
            self._store(new, self._at(self.out, (self.out_row, r), v * self.lanes))

    def _mask(self) -> Any:
        """True for the lanes below the number of columns."""
        count = self.builder.trunc(self.columns, ir.IntType(32))
        numbers = ir.VectorType(ir.IntType(32), self.lanes)
        return self.builder.icmp_signed("<", numbers(list(range(self.lanes))), self._splat(count, numbers))

    def _splat(self, value: Any, vector: Any) -> Any:
        builder, undefined = self.builder, ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(undefined, value, ir.IntType(32)(0))
        return builder.shuffle_vector(first, undefined, ir.VectorType(ir.IntType(32), self.lanes)([0] * self.lanes))

    def _spread(self, offset: Any) -> Any:
        """One number of a in every lane."""
        return self._splat(self.builder.load(self._pointer(self.a, offset, self.scalar)), self.vector)

    def _at(self, base: Any, stride_times: tuple[Any, int], more: int) -> Any:
        stride, times = stride_times
        offset = self.builder.add(self.builder.mul(stride, _INDEX(times)), _INDEX(more))
        return self._pointer(base, offset, self.vector)

    def _pointer(self, base: Any, offset: Any, kind: Any) -> Any:
        bytes_offset = self.builder.mul(offset, _INDEX(self.bytes))
        return self.builder.inttoptr(self.builder.add(base, bytes_offset), kind.as_pointer())

    def _load(self, pointer: Any) -> Any:
        if self.mask is None:
            return self.builder.load(pointer, align=self.bytes)
        arguments = [pointer, ir.IntType(32)(self.bytes), self.mask, ir.Constant(self.vector, None)]
        return self.builder.call(self.masked_load, arguments)

    def _store(self, value: Any, pointer: Any) -> None:
        if self.mask is None:
            self.builder.store(value, pointer, align=self.bytes)
        else:
            self.builder.call(self.masked_store, [value, pointer, ir.IntType(32)(self.bytes), self.mask])
