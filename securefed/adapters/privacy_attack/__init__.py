"""Attacks on the engine with made-up records, to hold what is measured beside what is accounted.

That there is no alarm proves no privacy: it says that these attacks found nothing. An alarm is a
defect.
"""

from securefed.adapters.privacy_attack.attacking import Attack, new_attack
from securefed.adapters.privacy_attack.exported import attacked_model
from securefed.adapters.privacy_attack.extent import Extent

__all__ = ["Attack", "Extent", "attacked_model", "new_attack"]
