"""How many values go into one word, and how large a word a suite carries without a wrong digit.

A value is a level of `bits` bits; a field is wide enough for the sum of all contributors' levels; a
slot is a word of several fields. `packing_for` is the one place that chooses: from the suite, the
precision and the size of the whole roster, so that sites that drop out change nothing. It promises
exact sums as long as every contributor keeps to the levels; a site that does not can spoil a sum.
"""

from dataclasses import dataclass
from math import isqrt

from securefed.domain.study import PRECISIONS, Suite
from securefed.domain.update import LARGEST_ROSTER
from securefed.errors import SuiteUnfit

# BFV as SEAL has it: ring degree, the prime that ciphertexts are reduced by (60 bits), and the
# special prime (49 bits). Together 109 bits, the most for 128-bit security at this degree.
DEGREE = 4096
CIPHER_PRIME = 0xFFFFFFFFFFFC001
SPECIAL_PRIME = 0x1FFFFFFFCE001
MODULUS_BITS = (60, 49)

MASK_WORD_BITS = 64
# A coefficient is wrong with a chance below 2^-128.
_CHANCE_BITS = 128


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Values to fields to slots. Slots are added modulo 2^`modulus_bits`."""

    bits: int
    contributors: int
    width: int
    fields: int
    modulus_bits: int

    @property
    def highest(self) -> int:
        """The highest level of one value; the levels are 0 to this, and zero is in the middle."""
        return (1 << self.bits) - 2

    def slots(self, values: int) -> int:
        """How many slots a number of values takes."""
        return -(-values // self.fields)


def packing_for(suite: Suite, bits: int, contributors: int) -> Packing:
    """The packing of a suite for a precision and a whole roster.

    A field never overflows: n levels of at most 2^b-2 sum to at most n(2^b-2), and a field of w
    bits, w being the length of that number, holds it. So no carry reaches the next field, K fields
    of w bits take Kw bits, and the sum of n slots is below 2^(Kw) and is exact modulo that number.

    `mask` adds words modulo 2^64, so K = 64 div w. The BFV suites take the modulus t = 2^(Kw) with
    Kw at most `noiseless_bits(n)`, where decryption is right. Levels are coefficients of the
    plaintext, and adding needs no more, so t can be a power of two, as the masks want it."""
    if bits not in PRECISIONS:
        raise SuiteUnfit(f"{bits} bits a value are not offered: 8, 12 and 16 are")
    if not 1 <= contributors <= LARGEST_ROSTER:
        raise SuiteUnfit(f"{contributors} sites; 1 to {LARGEST_ROSTER} can be summed")
    width = (contributors * ((1 << bits) - 2)).bit_length()
    if suite is Suite.MASK:
        fields = MASK_WORD_BITS // width
        modulus_bits = MASK_WORD_BITS
    elif suite in (Suite.BFV, Suite.BFV_MASK):
        fields = noiseless_bits(contributors) // width
        modulus_bits = fields * width
    else:
        raise SuiteUnfit(f"The suite {suite} seals nothing")
    return Packing(
        bits=bits,
        contributors=contributors,
        width=width,
        fields=fields,
        modulus_bits=modulus_bits,
    )


def noiseless_bits(contributors: int) -> int:
    """The most bits T of the plaintext modulus t = 2^T at which n public-key encryptions add up.

    SEAL's public-key encryption makes (c0, c1) modulo qp, with c0 + c1·s = e and e short, adds
    round(qm/t) after it has divided by the special prime p. With r = [c]_p / p, each coefficient of
    which lies in [-1/2, 1/2], what is left is a ciphertext modulo q with the noise

        v = e/p - r0 - r1·s + d,   |d| <= 1/2 from rounding qm/t.

    - |e| <= 21(2N+1), which is below p/2^30: SEAL draws errors from -21 to 21, u and s are ternary.
    - r0 and d are at most 1/2 each. The sum over n encryptions of all that is below n + 1.
    - A coefficient of r1·s is a sum of at most N terms, each within [-1/2, 1/2]. The r1 are
      independent and uniform, as far as anybody can tell from the public key. By Hoeffding the sum
      over n encryptions exceeds x with a chance of at most 2 exp(-2x²/(nN)), which is 2^-128 where
      x² = nN·129·ln(2)/2 < 44.8 nN.

    Messages that wrap around t do no harm: t·q/t = q is zero modulo q. Decryption is right where
    |v| < q/(2t), so T is the largest number with 2^(T+1) (n + 1 + x) <= q: 49 bits at 2 sites, 48
    at 10, 46 at 100, 45 at 1,000. A site that encrypts otherwise can spoil the sum, as it could by
    its values; it cannot make another site's part readable."""
    spread = isqrt(contributors * DEGREE * 448 // 10) + 1
    noise = contributors + 1 + spread
    return (CIPHER_PRIME // noise).bit_length() - 2
