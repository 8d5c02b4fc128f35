"""Owns the conversion of published units into Typeplate's.

Converted values are rounded to four decimals, which is finer than anything published; the published figure
stands beside them wherever a message has room for it. Factors are exact but for MPGe (40 CFR 600.002).
"""

from __future__ import annotations

KM_PER_MILE = 1.609344
LITRES_PER_US_GALLON = 3.785411784
LITRES_PER_CUBIC_FOOT = 28.316846592
KG_PER_POUND = 0.45359237
KW_PER_HORSEPOWER = 0.745699872
MM_PER_INCH = 25.4

KWH_PER_GALLON_EQUIVALENT = 33.705
"""Electricity with the energy of one US gallon of gasoline, by which EPA defines MPGe."""

_L_PER_100KM_AT_1_MPG = 100 * LITRES_PER_US_GALLON / KM_PER_MILE
_KWH_PER_100KM_AT_1_MPGE = 100 * KWH_PER_GALLON_EQUIVALENT / KM_PER_MILE
_L_PER_100KM_AT_1_GAL_PER_100MI = LITRES_PER_US_GALLON / KM_PER_MILE


def l_per_100km_from_mpg(mpg: float) -> float:
    """Litres per 100 km from miles per US gallon (greater than 0)."""
    return round(_L_PER_100KM_AT_1_MPG / mpg, 4)


def kwh_per_100km_from_mpge(mpge: float) -> float:
    """Kilowatt-hours per 100 km from miles per gallon equivalent (greater than 0)."""
    return round(_KWH_PER_100KM_AT_1_MPGE / mpge, 4)


def l_per_100km_from_gal_per_100mi(gallons: float) -> float:
    """Litres per 100 km from US gallons per 100 miles."""
    return round(gallons * _L_PER_100KM_AT_1_GAL_PER_100MI, 4)


def per_km_from_per_mile(value: float) -> float:
    """Any amount per km (or per 100 km) from the same per mile (or per 100 miles)."""
    return round(value / KM_PER_MILE, 4)


def km_from_miles(miles: float) -> float:
    """Kilometres from miles."""
    return round(miles * KM_PER_MILE, 4)


def litres_from_cubic_feet(cubic_feet: float) -> float:
    """Litres from cubic feet."""
    return round(cubic_feet * LITRES_PER_CUBIC_FOOT, 4)


def kw_from_horsepower(horsepower: float) -> float:
    """Kilowatts from mechanical horsepower."""
    return round(horsepower * KW_PER_HORSEPOWER, 4)


def kg_from_pounds(pounds: float) -> float:
    """Kilograms from pounds."""
    return round(pounds * KG_PER_POUND, 4)


def mm_from_inches(inches: float) -> float:
    """Millimetres from inches."""
    return round(inches * MM_PER_INCH, 4)
