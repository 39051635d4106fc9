"""Words that name quantities in the headers of measured tables, in the languages of the bench."""

__all__ = ["KIND_OF"]

_WORDS = {
    "time": """
        time times t zeit temps tiempo tempo tid tijd czas время 时间 時間 시간 elapsed reltime runtime
        rxntime zeitpunkt durée dauer date datetime timestamp clock datum fecha delay temps_écoulé
        tempotrascorso 反応時間
    """,
    "wavelength": """
        wavelength wavelengths wl wave lambda λ wellenlänge wellenlaenge wellenlange wvl wlen
        longueurd'onde longueurdonde longituddeonda lunghezzad'onda lunghezzadonda comprimentodeonda
        våglängd golflengte bølgelængde długośćfali длинаволны 波长 波長 파장 nm nanometers nanometer
        nanometres
    """,
    "energy": """
        energy energie énergie energía energia photonenergy photonenergie ev энергия 能量
    """,
    "wavenumber": """
        wavenumber wavenumbers wellenzahl nombred'onde numerodeonda numerod'onda cm-1 1/cm
        волновоечисло 波数
    """,
    "absorbance": """
        absorbance absorbances absorbancy abs abs. absorb a au a.u. a.u δa da deltaa absorbanz
        extinktion extinction opticaldensity od ext absorbancia absorción absorcion absorbância
        assorbanza absorbancja absorptie extinctie absorbans densitéoptique densiteoptique absorption
        吸光度 흡광도 поглощение оптическаяплотность e absorbances(au) mau
    """,
    "transmittance": """
        %t t% transmittance %transmittance transmission %transmission transmissiong transmitancia
        transmittanz trasmittanza transmitância transmitance percenttransmittance t(%) %-t 透過率 透过率
        пропускание durchlässigkeit
    """,
    "counts": """
        counts count intensity intensität intensité intensidad intensità samplecounts rawcounts raw
        scope s dark reference
    """,
    "sigma": """
        sd std stdev stddev std.dev. standarddeviation sigma σ error err errors uncertainty sem se ±
        +/- rsd fehler standardabweichung stdabw écart-type ecarttype incertitude incertidumbre
        desviación deviation unc
    """,
    "index": """
        index idx no no. nr nr. # n point points cycle cycles scan row id number nummer messpunkt
        numéro pt sample# reading
    """,
    "temperature": """
        temperature temp temp. temperatur température temperatura tº t° °c cell_temp 温度 温度(°c)
        температура
    """,
}
KIND_OF = {word: kind for kind, words in _WORDS.items() for word in words.split()}
"""From a word, in small letters and without blanks, to the kind of quantity it names."""
