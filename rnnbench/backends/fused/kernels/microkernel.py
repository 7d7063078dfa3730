"""The innermost loop of a matrix product, as vector instructions.

BLAS libraries are made for large matrices; the products of one recurrent step are small, and two to four times faster
when a block of the result stays in registers: `ROWS` rows by two vectors, to which the product of one column of a and
one row of b is added at a time.
"""

import os
from collections import namedtuple
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from rnnbench.backends.fused.kernels.jit import intrinsic

INDEX = ir.IntType(64)
_FEATURES = (os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten()).split(",")
VECTOR_BYTES = 64 if "+avx512f" in _FEATURES else 32 if "+avx2" in _FEATURES else 16
ROWS = 12 if "+avx512f" in _FEATURES or "+neon" in _FEATURES else 6
"""The most rows of a block: two vectors for each and some more must fit into 32 registers, or 16."""
VECTORS_OF_ONE_ROW = 4
"""The most vectors of a block of one row: fewer would wait for one another."""

_INT32 = ir.IntType(32)


Operands = namedtuple("Operands", "rows depth columns a a_row a_column b b_row b_panel addend addend_row out out_row")
"""out = addend + a @ b, where a is (rows, depth), b (depth, columns), addend and out (rows, columns).

For every matrix the address of its first number, and how many numbers apart rows, columns or panels lie: b lies in
panels of as many columns as a vector has lanes, rows of addend and out are contiguous; a stride of 0 means that one row
stands for all. Compiled functions pass the integers as a tuple in this order.
"""


@intrinsic
def address(typing_context: Any, array: Any) -> Any:
    """The address of an array's data."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        structure = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(structure.data, INDEX)

    return types.intp(array), generate


@intrinsic
def microkernel(typing_context: Any, like: Any, operands: Any) -> Any:
    """out = addend + a @ b for at most ROWS rows and two vectors of columns, or one row and VECTORS_OF_ONE_ROW.

    `like` is any number of the type.

    Loads and stores beyond the last column are masked out.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scalar = context.get_value_type(signature.args[0])
        _Writer(builder, scalar, extracted(builder, arguments[1])).write()
        return context.get_dummy_value()

    return types.void(like, operands), generate


def extracted(builder: Any, operands: Any) -> Operands:
    """The LLVM values in that of a tuple of operands."""
    return Operands(*(builder.extract_value(operands, index) for index in range(len(Operands._fields))))


class _Writer:
    """Writes one loop over k for every number of rows and vectors, and the choice among them."""

    def __init__(self, builder: Any, scalar: Any, operands: Operands) -> None:
        self.builder, self.scalar, self.operands = builder, scalar, operands
        self.item_bytes = 4 if isinstance(scalar, ir.FloatType) else 8
        self.lanes = VECTOR_BYTES // self.item_bytes
        self.vector = ir.VectorType(scalar, self.lanes)
        self.mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        self.mask: Any = None
        suffix = f"v{self.lanes}f{8 * self.item_bytes}"
        pointer = self.vector.as_pointer()
        self.fma = self._declared(f"llvm.fma.{suffix}", self.vector, [self.vector] * 3)
        loaded = [pointer, _INT32, self.mask_type, self.vector]
        self.masked_load = self._declared(f"llvm.masked.load.{suffix}.p0", self.vector, loaded)
        stored = [self.vector, pointer, _INT32, self.mask_type]
        self.masked_store = self._declared(f"llvm.masked.store.{suffix}.p0", ir.VoidType(), stored)

    def _declared(self, name: str, result: Any, arguments: list[Any]) -> Any:
        declare: Any = cgutils.get_or_insert_function
        return declare(self.builder.module, ir.FunctionType(result, arguments), name)

    def write(self) -> None:
        """Branch to the loop for the number of rows and vectors at hand."""
        builder, operands = self.builder, self.operands
        done, long = builder.append_basic_block("done"), builder.append_basic_block("long")
        wide, narrow = builder.append_basic_block("wide"), builder.append_basic_block("narrow")
        switch = builder.switch(operands.columns, narrow)
        switch.add_case(INDEX(VECTORS_OF_ONE_ROW * self.lanes), long)
        switch.add_case(INDEX(2 * self.lanes), wide)
        builder.position_at_end(long)
        self._write_loop(1, VECTORS_OF_ONE_ROW)
        builder.branch(done)
        for block, vectors in [(wide, 2), (narrow, 1)]:
            builder.position_at_end(block)
            unreachable = builder.append_basic_block("unreachable")
            switch = builder.switch(operands.rows, unreachable)
            builder.position_at_end(unreachable)
            builder.unreachable()
            for count in range(1, ROWS + 1):
                case = builder.append_basic_block(f"rows{count}")
                switch.add_case(INDEX(count), case)
                builder.position_at_end(case)
                self._write_loop(count, vectors)
                builder.branch(done)
        builder.position_at_end(done)

    def _write_loop(self, rows: int, vectors: int) -> None:
        """The loop over k with `rows` x `vectors` sums in registers; only single vectors are masked."""
        builder, operands = self.builder, self.operands
        self.mask = self._mask() if vectors == 1 else None
        block = [(row, vector) for row in range(rows) for vector in range(vectors)]
        addends = [
            self._load(self._vector_of(operands.addend, operands.addend_row, row, vector)) for row, vector in block
        ]
        entry, loop, end = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(INDEX)
        k.add_incoming(INDEX(0), entry)
        sums = [builder.phi(self.vector) for _ in block]
        offsets = [
            builder.add(builder.mul(k, operands.b_row), builder.mul(INDEX(vector), operands.b_panel))
            for vector in range(vectors)
        ]
        b_row = [self._load(self._pointer(operands.b, offset, self.vector)) for offset in offsets]
        k_offset = builder.mul(k, operands.a_column)
        a_column = [
            self._broadcast_load(builder.add(k_offset, builder.mul(INDEX(row), operands.a_row))) for row in range(rows)
        ]
        products = [
            builder.call(self.fma, [a_column[row], b_row[vector], total])
            for (row, vector), total in zip(block, sums, strict=True)
        ]
        for total, addend, product in zip(sums, addends, products, strict=True):
            total.add_incoming(addend, entry)
            total.add_incoming(product, loop)
        k_next = builder.add(k, INDEX(1))
        k.add_incoming(k_next, loop)
        builder.cbranch(builder.icmp_signed("<", k_next, operands.depth), loop, end)
        builder.position_at_end(end)
        for (row, vector), product in zip(block, products, strict=True):
            self._store(product, self._vector_of(operands.out, operands.out_row, row, vector))

    def _mask(self) -> Any:
        """True for the lanes below the number of columns."""
        count = self.builder.trunc(self.operands.columns, _INT32)
        integers = ir.VectorType(_INT32, self.lanes)
        return self.builder.icmp_signed("<", integers(list(range(self.lanes))), self._broadcast(count, integers))

    def _broadcast(self, value: Any, vector: Any) -> Any:
        """The value in every lane."""
        builder, undefined = self.builder, ir.Constant(vector, ir.Undefined)
        lane_zero = builder.insert_element(undefined, value, _INT32(0))
        return builder.shuffle_vector(lane_zero, undefined, ir.VectorType(_INT32, self.lanes)([0] * self.lanes))

    def _broadcast_load(self, offset: Any) -> Any:
        """One number of a in every lane."""
        pointer = self._pointer(self.operands.a, offset, self.scalar)
        return self._broadcast(self.builder.load(pointer), self.vector)

    def _vector_of(self, address: Any, row_stride: Any, row: int, vector: int) -> Any:
        """The pointer to a vector of the block, in the addend or in the result."""
        offset = self.builder.mul(row_stride, INDEX(row))
        return self._pointer(address, self.builder.add(offset, INDEX(vector * self.lanes)), self.vector)

    def _pointer(self, base: Any, offset: Any, kind: Any) -> Any:
        """The pointer `offset` numbers behind an address."""
        offset_bytes = self.builder.mul(offset, INDEX(self.item_bytes))
        return self.builder.inttoptr(self.builder.add(base, offset_bytes), kind.as_pointer())

    def _load(self, pointer: Any) -> Any:
        if self.mask is None:
            return self.builder.load(pointer, align=self.item_bytes)
        arguments = [pointer, _INT32(self.item_bytes), self.mask, ir.Constant(self.vector, None)]
        return self.builder.call(self.masked_load, arguments)

    def _store(self, value: Any, pointer: Any) -> None:
        if self.mask is None:
            self.builder.store(value, pointer, align=self.item_bytes)
        else:
            self.builder.call(self.masked_store, [value, pointer, _INT32(self.item_bytes), self.mask])
