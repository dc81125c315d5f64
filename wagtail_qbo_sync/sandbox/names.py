"""The words that the made-up people and businesses are built from."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


GIVEN = _words(
    """
Aaron Abigail Ada Adrian Aisha Alan Alejandra Alice Amara Amelia Andre Andrea Angela Anita Anna
Anthony Arjun Arthur Audrey Beatriz Benjamin Bernard Bettina Brenda Brian Bridget Caleb Camille
Carlos Carmen Caroline Cecilia Chad Charlotte Chidi Chloe Christine Claire Colin Connor Cynthia
Dana Daniel Darnell David Deborah Denise Dennis Derek Diana Dmitri Dolores Donna Dorothy Douglas
Edith Eduardo Edward Eileen Elena Elias Elliot Emma Enrique Erin Esther Ethan Evelyn Farid Fatima
Fiona Florence Francis Gabriela Gail George Gita Glenn Gloria Grace Graham Hannah Harold Hassan
Heather Helen Henry Holly Howard Hugo Ian Imani Ingrid Irene Isaac Ivan Jacob Jamal James Janet
Jasmine Jason Javier Jean Jennifer Jerome Jill Joan Joel Jonah Joseph Joyce Judith Julia Kareem
Karen Katherine Keiko Keith Kenneth Kevin Kira Lakshmi Larry Laura Leah Leonard Leticia Liam Linda
Lois Lorraine Louis Lucia Luke Lydia Malik Marcus Margaret Maria Marion Mark Martha Martin Matthew
Maureen Maya Megan Mei Michael Mina Miriam Mohammed Monica Nadia Naomi Natalie Nathan Neil Nicole
Nina Noah Nora Oliver Olivia Omar Oscar Owen Pamela Patricia Paul Paula Peter Phyllis Priya Rachel
Rafael Ralph Ramona Raymond Rebecca Renee Rhonda Ricardo Rita Robert Roger Rosa Ruth Samir Samuel
Sandra Sanjay Sarah Scott Sean Sharon Sheila Simon Sofia Stanley Stella Stephen Susan Sylvia
Tamara Teresa Theodore Thomas Tobias Tom Tracy Valerie Vera Veronica Victor Vincent Violet Vivian
Walter Wanda Wei Wendy William Yolanda Yusuf Zachary Zainab Zoe
"""
)

FAMILY = _words(
    """
Abbott Acosta Adler Aguilar Ahmed Albright Alden Almeida Amato Anders Ansari Archer Arnold
Ashworth Atwood Avery Babson Bailey Banerjee Barlow Barros Bassett Beaumont Becker Bell Benning
Berg Bianchi Bishop Blackwell Blaine Bowen Boyle Bradstreet Brennan Briggs Brooks Burke Cabral
Callahan Calloway Cardoso Carey Carver Castillo Chan Chandra Chase Choate Choi Clancy Coffin Cohen
Colby Conti Cormier Correia Costa Crane Crocker Cruz Curtis Cutler Dalton Danforth Davenport
Delgado Desai Diaz Dimitrov Donovan Dooley Doyle Draper Dubois Dunham Eastman Edelman Ellison
Emerson Endicott Espinoza Farias Farrell Fenton Ferreira Fielding Finch Fischer Flores Foley
Forsythe Foster Fournier Frost Fuentes Gallagher Garrison Gerrish Gibbons Gilman Goddard Goldberg
Gomes Goodhue Gould Graves Greenleaf Griffin Guerrero Gupta Haddad Hale Halloran Hanley Harding
Hatch Hayes Healey Hendricks Herrick Hobbs Hoffman Holt Hooper Horvath Howland Huang Hussain
Ibrahim Ingalls Ivanov Jacobs Jansen Jewell Johansson Jordan Kane Kaplan Katz Keane Kellogg
Kendrick Khan Kimball King Kowalski Kramer Lacroix Lambert Landry Langley Lapointe Larkin Leary
LeBlanc Lindgren Locke Lombardi Lopes Lovell Lowell Lund Lynch Macedo Mackenzie Maddox Mahoney
Malone Manning Marchetti Marsh Mather McBride McCabe McGrath McKenna Medeiros Mehta Melendez
Mendes Mercer Merrill Michaud Moody Morales Moreau Morse Moulton Mulligan Murray Nadeau Nakamura
Navarro Nelson Newhall Nguyen Noonan Norris Novak Nowell Noyes O'Connell O'Dowd O'Hara Okafor
Oliveira Olsen Ortiz Osgood Otis Paige Palmer Park Parsons Patel Peabody Pelletier Pereira Perkins
Pettengill Phelan Pickering Pike Pinto Plummer Poole Pratt Prescott Proctor Putnam Quigley Quinn
Ramos Rao Raposo Reardon Reed Reyes Rhodes Riordan Rivera Rocha Romano Rosen Rossi Rowe Russo Ryan
Saltonstall Sanborn Santos Sargent Savage Sawyer Schultz Sewall Shapiro Shaw Sheehan Silva Singh
Soares Sokolov Sousa Souza Spencer Stark Stearns Stein Stickney Sullivan Swain Sylvia Takahashi
Tanner Tarbox Tavares Teixeira Thayer Thibault Thurlow Tilton Torres Tran Trask Travers Tremblay
Tucker Upham Valdez Vargas Vaughan Viera Wadsworth Wainwright Walsh Ward Warren Webster Weiss
Wentworth Whelan Whipple Whitaker Whittier Wiggin Wilder Winslow Wolfe Woodbury Xavier Yates Young
Zhang Zimmerman
"""
)

# Town, zip and the local dialling code.
TOWNS = [
    ("Newburyport", "01950", "978"), ("Amesbury", "01913", "978"), ("Ipswich", "01938", "978"),
    ("Rowley", "01969", "978"), ("Georgetown", "01833", "978"), ("Haverhill", "01830", "978"),
    ("Salisbury", "01952", "978"), ("Gloucester", "01930", "978"), ("Rockport", "01966", "978"),
    ("Beverly", "01915", "978"), ("Salem", "01970", "978"), ("Danvers", "01923", "978"),
    ("Andover", "01810", "978"), ("Lowell", "01852", "978"), ("Lynn", "01901", "781"),
    ("Marblehead", "01945", "781"), ("Melrose", "02176", "781"), ("Medford", "02155", "781"),
]  # fmt: skip
STREETS = _words(
    """
High State Water Federal Pleasant Merrimac Green Summer Winter Spring Chestnut Maple Elm Oak
Prospect Washington Liberty Market Middle Pond Harbor Hill School Church Lime Bromfield Purchase
Forrester Toppans Curzon Hale Storey Ferry Beach
"""
)
KINDS_OF_STREET = ("St", "St", "St", "Ave", "Rd", "Ln", "Way", "Street", "Court")

PLACES = _words(
    """
Merrimac Plum Tidewater Saltbox Greycliff Seabrook Cranberry Lighthouse Harborview Northfield
Bayberry Stonewall Fieldstone Crosswind Driftwood Turnpike Hillcrest Whistlestop Ropewalk Clipper
Foxhollow Brickyard Orchard Millpond Quarry Sandpiper Heron Osprey Beacon Anchor Cobblestone
Juniper Copperfield Larkspur Windmill Ironbound Marigold Evergreen Kestrel Oldmill
"""
)
TRADES = [
    "Plumbing & Heating", "Landscaping", "Dental Group", "Family Dentistry", "Bakery", "Roofing",
    "Electric", "Cafe", "Hardware", "Veterinary Clinic", "Auto Body", "Design Studio", "Fitness",
    "Realty", "Builders", "Painting", "Optical", "Physical Therapy", "Florist", "Bookshop",
    "Seafood", "Brewing", "Pediatrics", "Architects", "Insurance Agency", "Day School", "Catering",
    "Woodworks", "Moving & Storage", "Print Shop", "Law Office", "Software", "Pottery", "Yoga",
    "Masonry", "Pharmacy", "Marine Supply", "Photography", "Tree Service", "Farm",
]  # fmt: skip
FORMS = ("LLC", "LLC", "LLC", "Inc.", "Inc.", "PC", "Co.", "& Sons", "")
CAUSES = [
    "Food Pantry", "Historical Society", "Animal Shelter", "Youth Soccer", "Land Trust",
    "Community Theatre", "Friends of the Library", "Choral Society", "Homeless Coalition",
    "Sailing Center", "Arts Council", "Garden Club", "Rail Trail Alliance", "Senior Center",
]  # fmt: skip
MAIL = ("postbox.example", "inbox.example", "northshore.example", "seacoastmail.example")
