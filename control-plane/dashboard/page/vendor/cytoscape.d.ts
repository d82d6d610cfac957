// The build puts cytoscape.esm.min.mjs of the package here.
import cytoscape from 'cytoscape';

export default cytoscape;
