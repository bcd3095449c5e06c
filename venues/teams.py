"""Who a team is, however a venue writes it: one table for all of them.

A team is its league and the code that Kalshi gives it now. Codes and names mean a team only within
a league: "Panthers", "Kings" and "Jets" are two teams each, and so are most cities.
"""

import unicodedata
from dataclasses import dataclass

# Code | city | nickname | codes in Polymarket's slugs, the present one first | other names.
TABLE = {
    "NBA": """
    ATL | Atlanta | Hawks | atl
    BOS | Boston | Celtics | bos
    BKN | Brooklyn | Nets | bkn
    CHA | Charlotte | Hornets | cha
    CHI | Chicago | Bulls | chi
    CLE | Cleveland | Cavaliers | cle | Cavs
    DAL | Dallas | Mavericks | dal | Mavs
    DEN | Denver | Nuggets | den
    DET | Detroit | Pistons | det
    GSW | Golden State | Warriors | gsw
    HOU | Houston | Rockets | hou
    IND | Indiana | Pacers | ind
    LAC | Los Angeles C | Clippers | lac | LA Clippers; Los Angeles Clippers
    LAL | Los Angeles L | Lakers | lal | LA Lakers; Los Angeles Lakers
    MEM | Memphis | Grizzlies | mem
    MIA | Miami | Heat | mia
    MIL | Milwaukee | Bucks | mil
    MIN | Minnesota | Timberwolves | min | Wolves
    NOP | New Orleans | Pelicans | nop
    NYK | New York | Knicks | nyk | New York K
    OKC | Oklahoma City | Thunder | okc
    ORL | Orlando | Magic | orl
    PHI | Philadelphia | 76ers | phi | Sixers
    PHX | Phoenix | Suns | phx
    POR | Portland | Trail Blazers | por | Blazers
    SAC | Sacramento | Kings | sac
    SAS | San Antonio | Spurs | sas
    TOR | Toronto | Raptors | tor
    UTA | Utah | Jazz | uta
    WAS | Washington | Wizards | was
    """,
    "NFL": """
    ARI | Arizona | Cardinals | ari
    ATL | Atlanta | Falcons | atl
    BAL | Baltimore | Ravens | bal
    BUF | Buffalo | Bills | buf
    CAR | Carolina | Panthers | car
    CHI | Chicago | Bears | chi
    CIN | Cincinnati | Bengals | cin
    CLE | Cleveland | Browns | cle
    DAL | Dallas | Cowboys | dal
    DEN | Denver | Broncos | den
    DET | Detroit | Lions | det
    GB | Green Bay | Packers | gb
    HOU | Houston | Texans | hou
    IND | Indianapolis | Colts | ind
    JAC | Jacksonville | Jaguars | jax | Jags
    KC | Kansas City | Chiefs | kc
    LAC | Los Angeles C | Chargers | lac | LA Chargers; Los Angeles Chargers
    LAR | Los Angeles R | Rams | la lar | LA Rams; Los Angeles Rams
    LV | Las Vegas | Raiders | lv las
    MIA | Miami | Dolphins | mia
    MIN | Minnesota | Vikings | min
    NE | New England | Patriots | ne
    NO | New Orleans | Saints | no
    NYG | New York G | Giants | nyg | NY Giants; New York Giants
    NYJ | New York J | Jets | nyj | NY Jets; New York Jets
    PHI | Philadelphia | Eagles | phi
    PIT | Pittsburgh | Steelers | pit
    SEA | Seattle | Seahawks | sea
    SF | San Francisco | 49ers | sf | Niners
    TB | Tampa Bay | Buccaneers | tb | Bucs
    TEN | Tennessee | Titans | ten
    WAS | Washington | Commanders | was wsh
    """,
    "NHL": """
    ANA | Anaheim | Ducks | ana
    BOS | Boston | Bruins | bos
    BUF | Buffalo | Sabres | buf
    CAR | Carolina | Hurricanes | car
    CBJ | Columbus | Blue Jackets | cbj
    CGY | Calgary | Flames | cal
    CHI | Chicago | Blackhawks | chi
    COL | Colorado | Avalanche | col
    DAL | Dallas | Stars | dal
    DET | Detroit | Red Wings | det
    EDM | Edmonton | Oilers | edm
    FLA | Florida | Panthers | fla
    LA | Los Angeles | Kings | lak | LA Kings
    MIN | Minnesota | Wild | min
    MTL | Montreal | Canadiens | mon
    NJ | New Jersey | Devils | nj
    NSH | Nashville | Predators | nsh
    NYI | New York I | Islanders | nyi | New York Islanders; NY Islanders
    NYR | New York R | Rangers | nyr | New York Rangers; NY Rangers
    OTT | Ottawa | Senators | ott
    PHI | Philadelphia | Flyers | phi
    PIT | Pittsburgh | Penguins | pit
    SEA | Seattle | Kraken | sea
    SJ | San Jose | Sharks | sj
    STL | St. Louis | Blues | stl
    TB | Tampa Bay | Lightning | tb
    TOR | Toronto | Maple Leafs | tor | Leafs
    UTA | Utah | Mammoth | utah | Utah Hockey Club; Utah HC
    VAN | Vancouver | Canucks | van
    VGK | Vegas | Golden Knights | las | Knights
    WPG | Winnipeg | Jets | wpg
    WSH | Washington | Capitals | wsh
    """,
    "MLB": """
    ATH | A's | Athletics | oak | Oakland Athletics; Oakland
    ATL | Atlanta | Braves | atl
    AZ | Arizona | Diamondbacks | ari | D-backs
    BAL | Baltimore | Orioles | bal
    BOS | Boston | Red Sox | bos
    CHC | Chicago C | Cubs | chc | Chicago Cubs
    CIN | Cincinnati | Reds | cin
    CLE | Cleveland | Guardians | cle
    COL | Colorado | Rockies | col
    CWS | Chicago WS | White Sox | cws | Chicago White Sox
    DET | Detroit | Tigers | det
    HOU | Houston | Astros | hou
    KC | Kansas City | Royals | kc
    LAA | Los Angeles A | Angels | laa | LA Angels; Los Angeles Angels
    LAD | Los Angeles D | Dodgers | lad | LA Dodgers; Los Angeles Dodgers
    MIA | Miami | Marlins | mia
    MIL | Milwaukee | Brewers | mil
    MIN | Minnesota | Twins | min
    NYM | New York M | Mets | nym | New York Mets
    NYY | New York Y | Yankees | nyy | New York Yankees
    PHI | Philadelphia | Phillies | phi
    PIT | Pittsburgh | Pirates | pit
    SD | San Diego | Padres | sd
    SEA | Seattle | Mariners | sea
    SF | San Francisco | Giants | sf
    STL | St. Louis | Cardinals | stl
    TB | Tampa Bay | Rays | tb
    TEX | Texas | Rangers | tex
    TOR | Toronto | Blue Jays | tor | Jays
    WSH | Washington | Nationals | wsh
    """,
}


# What most people write where Kalshi writes something shorter.
USUAL = {
    ("NHL", "LA"): "LAK",
    ("NHL", "NJ"): "NJD",
    ("NHL", "SJ"): "SJS",
    ("NHL", "TB"): "TBL",
    ("NFL", "JAC"): "JAX",
    ("MLB", "AZ"): "ARI",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    league: str
    code: str  # Kalshi's present one, unique in the league
    city: str  # as Kalshi labels its contract
    nickname: str
    slugs: tuple[str, ...]  # codes in Polymarket's slugs, the present one first
    names: frozenset[str]  # everything else that means it in this league, plain

    @property
    def usual(self) -> str:
        """Return the code that most people write."""
        return USUAL.get((self.league, self.code), self.code)


def _team(league: str, line: str) -> Team:
    code, city, nickname, slugs, *rest = (part.strip() for part in line.split("|"))
    others = rest[0].split(";") if rest else []
    return Team(
        league=league,
        code=code,
        city=city,
        nickname=nickname,
        slugs=tuple(slugs.split()),
        names=frozenset(plain(each) for each in (nickname, f"{city} {nickname}", city, *others)),
    )


def plain(name: str) -> str:
    """Return a name without accents, case and doubled blanks; confusable letters stay different."""
    bare = unicodedata.normalize("NFKD", name)
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).casefold().split())


TEAMS = {
    league: tuple(_team(league, line) for line in table.strip().splitlines())
    for league, table in TABLE.items()
}
BY_CODE = {(team.league, team.code): team for teams in TEAMS.values() for team in teams}
_BY_SLUG = {
    (team.league, slug): team
    for teams in TEAMS.values()
    for team in teams
    for slug in reversed(team.slugs)
}
_BY_NAME = {
    (team.league, name): team for teams in TEAMS.values() for team in teams for name in team.names
}


def by_slug(league: str, code: str) -> Team | None:
    """Return the team of a code in Polymarket's slugs."""
    return _BY_SLUG.get((league, code.lower()))


def by_name(league: str, name: str) -> Team | None:
    return _BY_NAME.get((league, plain(name)))
